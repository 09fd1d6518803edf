//! The load that `tenet up --traffic` sends, so that a console in development is alive.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `tenet up --traffic` sends.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// How many users there are: `{user}` is a number below it, chosen by Zipf's law. Default: 1000.
    pub users: u32,
    /// The user everybody looks at. Default: 0, which is also the most frequent of Zipf's.
    pub whale: u32,
    /// How many of 1000 requests are about the whale, beside its share by Zipf's law. Default: 100.
    pub whale_per_mille: u32,
    /// What is sent, by weight. Default: none, and then every GET endpoint that needs no more than `{user}`-like captures.
    pub requests: Vec<TrafficRequest>,
}

impl Default for Traffic {
    fn default() -> Self {
        Traffic { users: 1000, whale: 0, whale_per_mille: 100, requests: Vec::new() }
    }
}

/// One kind of request.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TrafficRequest {
    /// How often it is sent, relative to the others. Default: 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// The HTTP method. Default: `GET`.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query; `{user}` becomes a user's number and `{n}` a number that no other request of the run has.
    pub path: String,
    /// Body, with the same replacements; sent as `application/json`. Default: none.
    #[serde(default)]
    pub body: Option<String>,
    /// Additional header fields, with the same replacements. Default: none.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}
