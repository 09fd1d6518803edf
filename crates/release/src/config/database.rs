//! `[[services.NAME.databases]]`: databases that a service calls its own, beside the store.

use super::store;
use serde::{Deserialize, Serialize};

/// A database of a service's own that Tenet watches: whoever else is on it is an alarm. Tenet reads and writes nothing of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// What people call it; with the service's name, its label in metrics.
    pub name: String,
    /// How to look at it: `postgres://user:password@host:port/database`; or `env:NAME`, the environment variable of the console's process that says it.
    pub url: String,
    /// Users of PostgreSQL that are the service. Empty: any, by `applications` alone. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Values of `application_name` that are the service. Empty: any, by `users` alone. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// Users whose sessions are no alarm: of administrators, backups, exporters. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_users: Vec<String>,
}

impl Database {
    /// The environment variable that says the url, where `url` names one.
    pub fn url_variable(&self) -> Option<&str> {
        store::variable(&self.url)
    }

    /// The url itself, by what `variable` says of the environment variable that may be named instead.
    ///
    /// # Errors
    /// The name of the environment variable that is not set.
    pub fn url(&self, variable: impl FnOnce(&str) -> Option<String>) -> Result<String, String> {
        match self.url_variable() {
            None => Ok(self.url.clone()),
            Some(name) => variable(name).ok_or_else(|| name.to_owned()),
        }
    }
}
