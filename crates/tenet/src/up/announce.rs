//! What a newcomer sees once everything serves: where, and three things to try.

use std::net::SocketAddr;
use tenet_contract::template::Segment;
use tenet_contract::{Contract, Endpoint, Template, Verb};
use tenet_release::Config;

/// How many commands are proposed.
const TRIES: usize = 3;

/// Commands to try against the gateway at `public`: those of `tenet.toml`, or simple GET endpoints of the contract.
pub fn tries(config: &Config, contract: &Contract, public: SocketAddr) -> Vec<String> {
    if !config.up.r#try.is_empty() {
        return config.up.r#try.iter().map(|line| line.replace("{gateway}", &public.to_string())).collect();
    }
    let mut endpoints: Vec<&Endpoint> = contract
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.public && endpoint.verb == Verb::Method("GET".into()))
        .filter(|endpoint| {
            let method = &contract.methods[endpoint.method];
            !method.client_streaming && !method.server_streaming
        })
        .collect();
    // What needs the least knowledge first.
    endpoints
        .sort_by_key(|endpoint| (endpoint.template.variables().len(), endpoint.template.segments().len()));
    let paths = endpoints.into_iter().map(|endpoint| sample_path(&endpoint.template, "1"));
    let prefixes = config.http.iter().map(|route| route.prefix.clone());
    let reference = config.gateway.reference.then(|| "/openapi.json".to_owned());
    paths
        .chain(prefixes)
        .chain(reference)
        .take(TRIES)
        .map(|path| format!("curl -s http://{public}{path}"))
        .collect()
}

/// A path that the template matches: literals as they are, `value` for everything captured.
pub fn sample_path(template: &Template, value: &str) -> String {
    let mut out = String::new();
    for segment in template.segments() {
        out.push('/');
        match segment {
            Segment::Literal(text) => out.push_str(text),
            Segment::One | Segment::Rest => out.push_str(value),
        }
    }
    if let Some(verb) = template.verb() {
        out.push(':');
        out.push_str(verb);
    }
    if out.is_empty() { "/".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_path_is_a_literal_path() {
        for (template, path) in [
            ("/v1/users/{user_id}/timeline", "/v1/users/1/timeline"),
            ("/v1/{name=shelves/*/books/**}:read", "/v1/shelves/1/books/1:read"),
            ("/health", "/health"),
        ] {
            assert_eq!(sample_path(&Template::parse(template).unwrap(), "1"), path);
        }
    }
}
