//! What services keep: messages that are collections, each with one keeper.

use super::Check;
use crate::builtin::{STORE, STORE_SERVES};
use crate::config::Service;
use crate::problems::{Place, Problem, did_you_mean};
use std::collections::BTreeMap;
use tenet_contract::{Collection, Contract};

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
    let hint =
        format!("write `keeps = [\"{message}\"]` for the service that owns it, or take the option away");
    Problem::new(place, text).with_hint(Some(hint))
}
