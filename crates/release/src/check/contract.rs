//! `tenet.toml` against the contracts: who serves what, and which paths two owners would claim.

use super::{Check, keeps};
use crate::Config;
use crate::problems::{Problems, did_you_mean};
use crate::strict::Document;
use std::collections::BTreeMap;
use tenet_contract::template::Segment;
use tenet_contract::{Contract, Template};

/// Everything that needs both sides.
pub(crate) fn contract(
    config: &Config,
    contract: &Contract,
    document: &Document<'_>,
    problems: &mut Problems,
) {
    let mut check = Check { config, document, problems };
    served(&mut check, contract);
    overlaps(&mut check, contract);
    keeps::contract(&mut check, contract);
}

fn served(check: &mut Check<'_>, contract: &Contract) {
    let mut server: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, service) in &check.config.services {
        for (index, serves) in service.serves.iter().enumerate() {
            let index = index.to_string();
            let path = ["services", name, "serves", &index];
            if contract.service(serves).is_none() {
                let known = || contract.services.iter().map(|service| service.full_name.as_str());
                let hint = did_you_mean(serves, known()).or_else(|| same_last_name(serves, known()));
                check.wrong_with_hint(&path, &format!("no contract declares a service `{serves}`"), hint);
            }
            if let Some(other) = server.insert(serves, name) {
                check.wrong(&path, &format!("`{serves}` is already served by `{other}`"));
            }
        }
    }
}

/// A service given without its package, or with another one.
fn same_last_name<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let matching: Vec<&str> = known.filter(|name| last(name) == last(found)).collect();
    if matching.is_empty() { None } else { Some(format!("did you mean `{}`?", matching.join("` or `"))) }
}

/// An endpoint below a prefix is the more specific and wins; an endpoint whose captures could be the prefix's own
/// segments is neither, and only the author can say which was meant.
fn overlaps(check: &mut Check<'_>, contract: &Contract) {
    for (at, route) in check.config.http.iter().enumerate() {
        let rival = contract
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.public)
            .filter(|endpoint| route.methods.is_empty() || verb_meets(endpoint.verb.as_str(), &route.methods))
            .find(|endpoint| ambiguous(&route.prefix, &endpoint.template));
        if let Some(endpoint) = rival {
            let message = format!(
                "{:?} could be matched by `{}` ({}:{}), and neither is the more specific",
                route.prefix, endpoint.name, endpoint.file, endpoint.line
            );
            let hint = "choose a prefix that no capture of a contract can match, or one above the endpoint";
            check.wrong_with_hint(&["http", &at.to_string(), "prefix"], &message, Some(hint.to_owned()));
        }
    }
}

fn verb_meets(verb: &str, methods: &[String]) -> bool {
    verb == "*" || methods.iter().any(|method| method == verb)
}

/// Whether the template can match below the prefix with a capture standing where the prefix has a literal.
fn ambiguous(prefix: &str, template: &Template) -> bool {
    let mut segments = template.segments().iter();
    let mut captured = false;
    for literal in prefix.split('/').filter(|segment| !segment.is_empty()) {
        match segments.next() {
            Some(Segment::Literal(text)) if text == literal => {}
            Some(Segment::Literal(_)) | None => return false,
            Some(Segment::One) => captured = true,
            Some(Segment::Rest) => return true,
        }
    }
    captured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_capture_in_place_of_a_literal_is_ambiguous() {
        for (prefix, template, expected) in [
            ("/", "/v1/users/{id}", false),
            ("/v1", "/v1/users/{id}", false),
            ("/v1/users", "/v1/users/{id}", false),
            ("/v1/users/legacy", "/v1/users/{id}", true),
            ("/v1/users/legacy", "/v1/users/{id}/posts", true),
            ("/v1/users/legacy/x", "/v1/users/{id}", false),
            ("/v1/files/a", "/v1/{name=files/**}", true),
            ("/v1/other", "/v1/{name=files/**}", false),
            ("/legacy", "/{name=**}", true),
            ("/legacy", "/v1/users", false),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(ambiguous(prefix, &template), expected, "{prefix} and {}", template.as_str());
        }
    }
}
