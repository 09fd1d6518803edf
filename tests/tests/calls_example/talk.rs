//! A caller that checks of every answer what holds for all of them.

use serde_json::Value;
use tenet_tests::Caller;
use tenet_tests::http1::Response;

/// One caller's conversation with the example.
pub struct Talk<'a> {
    caller: &'a Caller,
    /// What this caller's resources are named after, so that several may talk to one fleet.
    pub tag: String,
}

impl<'a> Talk<'a> {
    pub fn new(caller: &'a Caller, tag: &str) -> Talk<'a> {
        Talk { caller, tag: tag.to_owned() }
    }

    /// A request with a JSON body, if any.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let text = body.map(|body| body.to_string().into_bytes());
        let headers: &[_] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        self.caller.call(method, path, headers, text.as_deref())
    }

    /// A request as it is.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Response {
        self.caller.call(method, path, headers, body)
    }

    /// A request that succeeds with JSON.
    #[expect(clippy::needless_pass_by_value, reason = "bodies are written where they are sent")]
    pub fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.ask(method, path, body.as_ref());
        let seen = || format!("{method} {path}: {} {:?} {}", answer.status, answer.headers, answer.text());
        assert_eq!(answer.status, 200, "{}", seen());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{}", seen());
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{}", seen());
        assert_eq!(answer.header("tenet-ignored-fields"), None, "{}", seen());
        answer.json()
    }

    /// A `GET` that succeeds with JSON.
    pub fn get(&self, path: &str) -> Value {
        self.ok("GET", path, None)
    }

    /// A request that is refused with a problem document of `code`.
    #[expect(clippy::needless_pass_by_value, reason = "bodies are written where they are sent")]
    pub fn refused(&self, method: &str, path: &str, body: Option<Value>, status: u16, code: &str) -> Value {
        let answer = self.ask(method, path, body.as_ref());
        tenet_tests::door::check_problem(&format!("{method} {path}"), &answer, status, code);
        answer.json()
    }
}

/// The string at `key`.
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text at {key:?} in {value}"))
}

/// The elements at `key`.
pub fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list at {key:?} in {value}"))
}

/// The keys of an object, sorted.
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
