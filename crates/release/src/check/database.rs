//! Databases of services' own: that each has a name, a place, and somebody whose it is.

use super::services::valid_name;
use super::{Check, store};
use crate::config::{Database, Service};

pub(super) fn check(check: &mut Check<'_>) {
    for (name, service) in &check.config.services {
        for (at, database) in service.databases.iter().enumerate() {
            of(check, name, service, (at, database));
        }
    }
}

fn of(check: &mut Check<'_>, service: &str, all: &Service, (at, database): (usize, &Database)) {
    let place = at.to_string();
    let table = ["services", service, "databases", &place];
    let at_key = |key| [&table[..], &[key]].concat();
    if let Err(expected) = valid_name(&database.name) {
        check.wrong(&at_key("name"), &format!("found {:?}, expected {expected}", database.name));
    } else if all.databases[..at].iter().any(|before| before.name == database.name) {
        check.wrong(&at_key("name"), &format!("`{}` is there twice", database.name));
    }
    if let Some((message, hint)) = store::postgres(&database.url, database.url_variable()) {
        check.wrong_with_hint(&at_key("url"), &message, hint);
    }
    if database.users.is_empty() && database.applications.is_empty() {
        let message =
            "found neither `users` nor `applications`, expected by which sessions are the service's";
        let hint = "`users = [\"…\"]` names the user of PostgreSQL that it logs in as".to_owned();
        check.wrong_with_hint(&table, message, Some(hint));
    }
    store::names(check, &table, "users", &database.users);
    store::names(check, &table, "applications", &database.applications);
    store::names(check, &table, "known_users", &database.known_users);
    if let Some(both) = database.known_users.iter().position(|user| database.users.contains(user)) {
        let both_at = both.to_string();
        let message = format!(
            "{:?} is among `users`, so it is the service and no stranger already",
            database.known_users[both]
        );
        check.wrong(&[&table[..], &["known_users", &both_at]].concat(), &message);
    }
}
