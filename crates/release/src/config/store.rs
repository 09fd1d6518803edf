//! `[store]`: the engine under the store that Tenet runs for services that keep something.

use serde::{Deserialize, Serialize};

/// How a `url` begins that names an environment variable.
const VARIABLE: &str = "env:";

/// The store that Tenet runs while a service `keeps` something.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// What keeps the data. Default: `embedded`.
    pub engine: Engine,
    /// Where PostgreSQL is, `postgres://user:password@host:port/database`; or `env:NAME`, the environment variable of the store's process
    /// that says it and keeps a password out of the release. Default: none; `embedded` has none.
    pub url: Option<String>,
    /// How many processes serve the store. One with `embedded`, whose file has one owner. Default: 1.
    pub instances: u32,
    /// Users of PostgreSQL beside the store whose sessions on its database are no alarm: of administrators, backups, exporters. Only with `postgres`.
    /// Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_users: Vec<String>,
}

/// What keeps the data.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A file in the store's own folder.
    #[default]
    Embedded,
    /// PostgreSQL, or what speaks its protocol.
    Postgres,
}

impl Default for Store {
    fn default() -> Self {
        Store { engine: Engine::default(), url: None, instances: 1, known_users: Vec::new() }
    }
}

impl Engine {
    /// As `tenet.toml` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Embedded => "embedded",
            Engine::Postgres => "postgres",
        }
    }
}

/// The environment variable that a url names.
pub(super) fn variable(url: &str) -> Option<&str> {
    url.strip_prefix(VARIABLE)
}

impl Store {
    /// The environment variable that says the url, where `url` names one.
    pub fn url_variable(&self) -> Option<&str> {
        variable(self.url.as_deref()?)
    }

    /// The url itself: as written, or what `variable` says of the environment variable that is named instead. `None` where there is none.
    ///
    /// # Errors
    /// The name of the environment variable that is not set.
    pub fn url(&self, variable: impl FnOnce(&str) -> Option<String>) -> Result<Option<String>, String> {
        match self.url_variable() {
            None => Ok(self.url.clone()),
            Some(name) => variable(name).map(Some).ok_or_else(|| name.to_owned()),
        }
    }

    /// The url for people: without its password, or the variable that says it.
    pub fn shown_url(&self) -> Option<String> {
        let url = self.url.as_deref()?;
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let hidden = rest.rsplit_once('@').map(|(who, place)| {
            let user = who.split(':').next().unwrap_or_default();
            if user.len() == who.len() { rest.to_owned() } else { format!("{user}:…@{place}") }
        });
        let rest = hidden.unwrap_or_else(|| rest.to_owned());
        Some(if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_written_or_comes_from_the_environment_and_is_shown_without_its_password() {
        for (url, given, expected, shown) in [
            (None, None, Ok(None), None),
            (Some("postgres://h/d"), None, Ok(Some("postgres://h/d")), Some("postgres://h/d")),
            (Some("postgres://u@h/d"), None, Ok(Some("postgres://u@h/d")), Some("postgres://u@h/d")),
            (
                Some("postgres://u:p@s@h:1/d"),
                Some("never asked"),
                Ok(Some("postgres://u:p@s@h:1/d")),
                Some("postgres://u:…@h:1/d"),
            ),
            (Some("env:DATABASE"), Some("postgres://x"), Ok(Some("postgres://x")), Some("env:DATABASE")),
            (Some("env:DATABASE"), None, Err("DATABASE"), Some("env:DATABASE")),
        ] {
            let store = Store { url: url.map(str::to_owned), ..Store::default() };
            let found = store.url(|name| {
                assert_eq!(name, "DATABASE");
                given.map(str::to_owned)
            });
            let expected = expected.map(|url| url.map(str::to_owned)).map_err(str::to_owned);
            assert_eq!(found, expected, "{url:?}");
            assert_eq!(store.shown_url().as_deref(), shown, "{url:?}");
        }
    }
}
