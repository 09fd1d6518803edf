//! The store that is run: its engine, where that is, how many processes.

use super::Check;
use crate::config::Engine;

/// Most processes of the store: a typing error must not fork a machine to death.
const MAX_INSTANCES: u32 = 256;
/// Longest name of PostgreSQL (NAMEDATALEN - 1).
const MAX_NAME: usize = 63;
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
    names(check, &["store"], "known_users", &store.known_users);
    if let Some(own) = store.known_users.iter().position(|user| user_of(store.url.as_deref()) == Some(user)) {
        let message = format!(
            "{:?} is the store's own user: whoever logs in as that would go unnoticed",
            store.known_users[own]
        );
        check.wrong(&["store", "known_users", &own.to_string()], &message);
    }
    if store.engine == Engine::Postgres && check.config.name.is_empty() {
        let message = "the engine `postgres` needs a `name` of the fleet, by which its database knows whose it is, and found none";
        let hint = "write `name = \"…\"` above all sections".to_owned();
        check.wrong_with_hint(&["store", "engine"], message, Some(hint));
    }
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

/// Names of PostgreSQL under a key, each once.
pub(super) fn names(check: &mut Check<'_>, table: &[&str], key: &str, names: &[String]) {
    for (at, name) in names.iter().enumerate() {
        let wrong = if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
            format!("found {name:?}, expected a name of PostgreSQL, 1 to {MAX_NAME} bytes")
        } else if names[..at].contains(name) {
            format!("{name:?} is there twice")
        } else {
            continue;
        };
        check.wrong(&[table, &[key, &at.to_string()]].concat(), &wrong);
    }
}

/// The user that a url of PostgreSQL names.
fn user_of(url: Option<&str>) -> Option<&str> {
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
