//! What the example says of itself is true: its `tenet.toml` loads, and its README calls every binding it has.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

use std::collections::BTreeSet;
use std::path::Path;
use tenet_contract::{Found, Router};
use tenet_release::Release;

/// HTTP method and path of a `curl` line.
fn request(line: &str) -> (http::Method, String) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let method = match words.iter().position(|word| *word == "-X") {
        Some(at) => words[at + 1],
        None if line.contains("--json") => "POST",
        None => "GET",
    };
    let url = line.split("$G").nth(1).unwrap().split(['"', '?']).next().unwrap();
    (method.parse().unwrap(), url.to_owned())
}

#[test]
fn the_readme_calls_every_public_binding_and_nothing_that_is_not_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let release = Release::load(folder).unwrap_or_else(|problems| panic!("{problems}"));
    let mut router = Router::builder();
    let mut untried: BTreeSet<String> = BTreeSet::new();
    for endpoint in release.contract.endpoints.iter().filter(|endpoint| endpoint.public) {
        let name = endpoint.name.clone();
        router.insert(&endpoint.verb, &endpoint.template, name.clone(), &name).unwrap();
        // A stream has no REST form yet, so nothing that curl could show.
        let method = &release.contract.methods[endpoint.method];
        if !method.client_streaming && !method.server_streaming {
            untried.insert(name);
        }
    }
    assert!(untried.len() > 30, "{untried:?}");
    let router = router.build();
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for line in readme.lines().filter(|line| line.starts_with("curl ")) {
        let (method, path) = request(line);
        match router.find(&method, &path) {
            Found::Match { value, .. } => {
                untried.remove(value);
            }
            _ if path.starts_with("/v1/internal/") => {}
            _ => panic!("no endpoint for: {line}"),
        }
    }
    assert_eq!(untried, BTreeSet::new(), "bindings the README does not call");
}
