//! The store that is run: its engine, where that is, how many processes.

use super::Check;
use crate::config::Engine;

/// Most processes of the store: a typing error must not fork a machine to death.
const MAX_INSTANCES: u32 = 256;
/// Longest name of a user of PostgreSQL (NAMEDATALEN - 1).
const MAX_USER: usize = 63;
/// How a url of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

pub(super) fn check(check: &mut Check<'_>) {
    let Some(store) = &check.config.store else { return };
    let wrong_url = match (store.engine, store.url.as_deref()) {
        (Engine::Embedded, None) => None,
        (Engine::Embedded, Some(_)) => Some((
            "the engine `embedded` keeps its data in the state folder and has no url".to_owned(),
            Some("for PostgreSQL, write `engine = \"postgres\"`".to_owned()),
        )),
        (Engine::Postgres, None) => Some((
            "found none, expected where PostgreSQL is".to_owned(),
            Some(
                "`url = \"postgres://user@host:5432/database\"`, or `url = \"env:NAME\"` for an environment variable"
                    .to_owned(),
            ),
        )),
        (Engine::Postgres, Some(url)) => postgres(url, store.url_variable()),
    };
    if let Some((message, hint)) = wrong_url {
        check.wrong_with_hint(&["store", "url"], &message, hint);
    }
    if store.engine == Engine::Embedded && !store.known_users.is_empty() {
        let message = "the engine `embedded` is a file without users; only `postgres` has sessions of others";
        check.wrong(&["store", "known_users"], message);
    }
    known_users(check, &["store"], &store.known_users, user_of(store.url.as_deref()));
    match (store.engine, store.instances) {
        (Engine::Embedded, more) if more > 1 => {
            let message = format!(
                "found {more}, expected 1: the engine `embedded` is a file of one process, and another could not see what the first wrote"
            );
            let hint = "the engine `postgres` takes any number".to_owned();
            check.wrong_with_hint(&["store", "instances"], &message, Some(hint));
        }
        (_, found) if !(1..=MAX_INSTANCES).contains(&found) => {
            let message = format!("found {found}, expected 1 to {MAX_INSTANCES}");
            check.wrong(&["store", "instances"], &message);
        }
        _ => {}
    }
}

/// Users that are no strangers: names, each once, and not the one whose sessions are told from strangers'.
pub(super) fn known_users(check: &mut Check<'_>, table: &[&str], users: &[String], own: Option<&str>) {
    for (at, user) in users.iter().enumerate() {
        let wrong = if user.is_empty() || user.len() > MAX_USER || user.contains('\0') {
            format!("found {user:?}, expected the name of a user of PostgreSQL, 1 to {MAX_USER} bytes")
        } else if users[..at].contains(user) {
            format!("{user:?} is there twice")
        } else if own == Some(user) {
            format!("{user:?} is the owner's own user: whoever logs in as that would go unnoticed")
        } else {
            continue;
        };
        let at = at.to_string();
        check.wrong(&[table, &["known_users", &at]].concat(), &wrong);
    }
}

/// The user that a url of PostgreSQL names.
pub(super) fn user_of(url: Option<&str>) -> Option<&str> {
    let (_, rest) = url?.split_once("://")?;
    let (who, _) = rest.rsplit_once('@')?;
    who.split(':').next().filter(|user| !user.is_empty())
}

/// What is wrong with a url of PostgreSQL. It is not repeated: it may have a password.
pub(super) fn postgres(url: &str, variable: Option<&str>) -> Option<(String, Option<String>)> {
    if let Some(name) = variable {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let good = first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let message = format!("found {name:?} after `env:`, expected the name of an environment variable");
        return (!good).then_some((message, None));
    }
    let place = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
    match place {
        Some(place) if !place.is_empty() => None,
        Some(_) => {
            Some(("found no host in it, expected postgres://user@host:port/database".to_owned(), None))
        }
        None => {
            let hint = "a variable is named by `env:NAME`".to_owned();
            let message = "expected it to begin with postgres:// or env:".to_owned();
            Some((message, Some(hint).filter(|_| !url.contains("://"))))
        }
    }
}
