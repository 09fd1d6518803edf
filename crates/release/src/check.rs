//! The checks that need more than one value: services against contracts, routes against endpoints, bounds against bounds.

mod contract;
mod database;
mod dns;
mod http;
mod keeps;
mod quota;
mod resilience;
mod services;
mod store;
mod values;

pub(crate) use contract::contract;

use crate::Config;
use crate::problems::{Problem, Problems};
use crate::strict::Document;

/// Everything about `tenet.toml` that can be said without contracts.
pub(crate) fn config(config: &Config, document: &Document<'_>, problems: &mut Problems) {
    let mut check = Check { config, document, problems };
    services::check(&mut check);
    http::check(&mut check);
    values::check(&mut check);
    resilience::check(&mut check);
    keeps::config(&mut check);
    quota::check(&mut check);
    database::check(&mut check);
    store::check(&mut check);
}

/// What every check is given.
struct Check<'a> {
    config: &'a Config,
    document: &'a Document<'a>,
    problems: &'a mut Problems,
}

impl Check<'_> {
    /// Reports a problem of the value at `path`, which is also how the message begins.
    fn wrong(&mut self, path: &[&str], message: &str) {
        self.wrong_with_hint(path, message, None);
    }

    fn wrong_with_hint(&mut self, path: &[&str], message: &str, hint: Option<String>) {
        let problem = Problem::new(self.document.place(path), format!("{}: {message}", dotted(path)));
        self.problems.push(problem.with_hint(hint));
    }
}

/// `["services", "a", "serves", "0"]` as `services.a.serves[0]`.
fn dotted(path: &[&str]) -> String {
    let mut out = String::new();
    for step in path {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            out.push_str(&format!("[{step}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(step);
        }
    }
    out
}
