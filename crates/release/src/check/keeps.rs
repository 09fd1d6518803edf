//! What services keep, and the store it is kept in.

use super::Check;
use crate::builtin::{STORE, STORE_SERVES};
use crate::config::{Engine, Service};
use crate::problems::{Place, Problem, did_you_mean};
use std::collections::BTreeMap;
use tenet_contract::{Collection, Contract};

/// Most processes of the store: a typing error must not fork a machine to death.
const MAX_INSTANCES: u32 = 256;
/// How a url of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// The option, as it is written.
const OPTION: &str = "option (tenet.policy.v1.collection)";

/// What can be said without contracts.
pub(super) fn config(check: &mut Check<'_>) {
    let keeps_anything = check.config.keeps_anything();
    for (name, service) in &check.config.services {
        if keeps_anything && name == STORE {
            let message = "the name is taken by the store that Tenet runs, because something is kept in it";
            check.wrong_with_hint(&["services", name], message, Some("rename the service".to_owned()));
        }
        if let Some(at) = service.serves.iter().position(|serves| keeps_anything && serves == STORE_SERVES) {
            let message = format!("`{STORE_SERVES}` is served by the store that Tenet runs");
            check.wrong(&["services", name, "serves", &at.to_string()], &message);
        }
        keeps(check, name, service);
    }
    store(check);
}

fn keeps(check: &mut Check<'_>, name: &str, service: &Service) {
    if service.keeps.is_empty() {
        return;
    }
    // Names of services may have underscores; namespaces of the store are labels, as host names are.
    if name.contains('_') {
        let message = format!("`{name}` is no name of a namespace in the store: it has an underscore");
        let hint = format!("rename the service to `{}`, or keep it in another", name.replace('_', "-"));
        check.wrong_with_hint(&["services", name, "keeps"], &message, Some(hint));
    }
    for (index, message) in service.keeps.iter().enumerate() {
        if service.keeps.iter().take(index).any(|before| before == message) {
            let text = format!("`{message}` is there twice");
            check.wrong(&["services", name, "keeps", &index.to_string()], &text);
        }
    }
}

fn store(check: &mut Check<'_>) {
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

/// What is wrong with a url of PostgreSQL. It is not repeated: it may have a password.
fn postgres(url: &str, variable: Option<&str>) -> Option<(String, Option<String>)> {
    if let Some(name) = variable {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let good = first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let message = format!("found {name:?} after `env:`, expected the name of an environment variable");
        return (!good).then_some((message, None));
    }
    let place = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
    match place {
        Some(place) if !place.is_empty() => None,
        Some(_) => Some(("found no host in it, expected postgres://user@host:port/database".to_owned(), None)),
        None => {
            let hint = "a variable is named by `env:NAME`".to_owned();
            let message = "expected it to begin with postgres:// or env:".to_owned();
            Some((message, Some(hint).filter(|_| !url.contains("://"))))
        }
    }
}

/// What needs the contracts: every kept message is a collection, and every collection is kept, by one service.
pub(super) fn contract(check: &mut Check<'_>, contract: &Contract) {
    // Contracts without a word about services are looked at as a whole: nothing is known of who keeps what.
    if check.config.services.is_empty() {
        return;
    }
    let mut keepers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut meant = Vec::new();
    for (name, service) in &check.config.services {
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, message) in service.keeps.iter().enumerate() {
            let index = index.to_string();
            let path = ["services", name, "keeps", &index];
            let Some(collection) = contract.collection(message) else {
                meant.extend(unknown(check, contract, &path, message));
                continue;
            };
            match keepers.insert(message, name) {
                Some(other) if other != name => {
                    check.wrong_with_hint(
                        &path,
                        &format!("`{message}` is already kept by `{other}`, and state has one owner"),
                        Some(format!("publish a method of `{other}` for what `{name}` needs of it")),
                    );
                }
                _ => {}
            }
            let collection = &collection.schema.name;
            if let Some(other) = names.insert(collection, message).filter(|other| *other != message) {
                let text = format!("`{message}` and `{other}` are both kept as `{collection}`");
                let hint = "give one of them a `name` in its collection option".to_owned();
                check.wrong_with_hint(&path, &text, Some(hint));
            }
        }
    }
    let forgotten = |collection: &&Collection| {
        let message = collection.schema.message.as_str();
        // One whose name is only misspelled under `keeps` was reported there.
        !keepers.contains_key(message) && !meant.iter().any(|meant| meant == message)
    };
    for collection in contract.collections.iter().filter(forgotten) {
        let problem = unkept(collection);
        check.problems.push(problem);
    }
}

/// Reports a kept message that is no collection; gives the collection that was probably meant.
fn unknown(check: &mut Check<'_>, contract: &Contract, path: &[&str], message: &str) -> Option<String> {
    if contract.pool.get_message_by_name(message).is_some() {
        let text = format!("`{message}` has no {OPTION}, so nothing says how it is kept");
        let hint = format!("write `{OPTION} = {{ key: \"…\" }};` into the message");
        check.wrong_with_hint(path, &text, Some(hint));
        return None;
    }
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let known: Vec<&str> =
        contract.collections.iter().map(|collection| collection.schema.message.as_str()).collect();
    let near = crate::problems::nearest(message, known.iter().copied())
        .or_else(|| known.iter().copied().find(|name| last(name) == last(message)));
    let hint = match near {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => Some(format!("no message of the contracts has {OPTION} yet")),
        None => {
            let messages: Vec<String> =
                contract.pool.all_messages().map(|message| message.full_name().to_owned()).collect();
            did_you_mean(message, messages.iter().map(String::as_str))
        }
    };
    check.wrong_with_hint(path, &format!("no contract declares a message `{message}`"), hint);
    near.map(str::to_owned)
}

/// A collection that no service keeps.
fn unkept(collection: &Collection) -> Problem {
    let message = &collection.schema.message;
    let at = &collection.written;
    let place = match usize::try_from(at.line) {
        Ok(line) if line > 0 && !at.line_text.is_empty() => Place::Text {
            file: at.file.clone(),
            line,
            column: usize::try_from(at.column).unwrap_or(1).max(1),
            text: at.line_text.clone(),
            width: 1,
        },
        Ok(line) if line > 0 => Place::Named(format!("{}:{line}", at.file)),
        _ => Place::Named(at.file.clone()),
    };
    let text = format!("`{message}` is the schema of a collection, but no service keeps it");
    let hint = format!("write `keeps = [\"{message}\"]` for the service that owns it, or take the option away");
    Problem::new(place, text).with_hint(Some(hint))
}
