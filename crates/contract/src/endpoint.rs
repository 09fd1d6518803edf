//! One public HTTP binding of a method, and the words it is made of.

use crate::{MethodIndex, Template};
use std::fmt;

/// One HTTP binding of a method: the unit of routing and of metrics.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Stable label: `GET /v1/users/{user_id}/timeline`, the verb and the template as the contract writes it.
    pub name: String,
    /// The method it calls.
    pub method: MethodIndex,
    /// Whether the public door may route it: false for every endpoint of an INTERNAL service.
    pub public: bool,
    /// The HTTP method it answers to.
    pub verb: Verb,
    /// The path it answers to; its variables name fields of the request message.
    pub template: Template,
    /// Where the request body goes.
    pub body: Body,
    /// The response field that is the whole HTTP body; `None`: the response message is.
    pub response_body: Option<FieldPath>,
    /// Made by `auto_bindings`, not written in the contract.
    pub automatic: bool,
    /// Import name of the file that declares it.
    pub file: String,
    /// 1-based line of the method's declaration; 0 when the descriptors carry no source positions.
    pub line: u32,
}

/// The HTTP method of a binding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `custom: { kind: "*" }`: every HTTP method that has no binding of its own on the same path shape.
    Any,
    /// One HTTP method, custom ones included (`custom: { kind: "PURGE" }`).
    Method(VerbName),
}

/// The upper-case token of an HTTP method.
pub type VerbName = String;

impl Verb {
    /// The verb for an HTTP method's token; `*` is any.
    pub fn new(token: &str) -> Verb {
        if token == "*" { Verb::Any } else { Verb::Method(token.to_owned()) }
    }

    /// The token: `GET`, `PURGE`, `*`.
    pub fn as_str(&self) -> &str {
        match self {
            Verb::Any => "*",
            Verb::Method(name) => name,
        }
    }
}

impl From<&http::Method> for Verb {
    fn from(method: &http::Method) -> Verb {
        Verb::Method(method.as_str().to_owned())
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the HTTP request body goes (`google.api.HttpRule.body`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// There is none: all fields not in the path are query parameters.
    #[default]
    None,
    /// `body: "*"`: the body is the request message; there are no query parameters.
    Whole,
    /// The body is this field; the remaining fields are query parameters.
    Field(FieldPath),
}

/// Names of fields from the message inwards, as the `.proto` writes them (`user.address.city`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// From `a.b.c`. Names are not checked here; a contract's are checked when it is loaded.
    pub fn new(dotted: &str) -> FieldPath {
        FieldPath(dotted.split('.').map(str::to_owned).collect())
    }

    /// The names, outermost first; never empty.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
