//! Who may depend on whom: the tiers of ARCHITECTURE.md, as a table. An arrow never points up, roles do not depend on
//! each other, and pure crates touch neither network nor clock.

use super::tree::Tree;

/// Tier of every crate. `release` stands beside `telemetry`: gateway and binary read it, it reads the contract.
const TIERS: &[(&str, u8)] = &[
    ("tenet", 4),
    ("tenet-gateway", 3),
    ("tenet-control", 3),
    ("tenet-store", 3),
    ("tenet-jobs", 3),
    ("tenet-service", 3),
    ("tenet-client", 3),
    ("tenet-upstream", 2),
    ("tenet-cache", 2),
    ("tenet-telemetry", 2),
    ("tenet-identity", 2),
    ("tenet-release", 2),
    ("tenet-contract", 1),
    ("tenet-collection", 1),
    ("tenet-transcode", 1),
    ("tenet-resilience", 1),
    ("tenet-throttle", 1),
    ("tenet-sketch", 1),
    ("tenet-history", 1),
    ("tenet-error", 1),
    ("tenet-http1", 1),
    ("tenet-api", 1),
];

/// Crates at the edge of the workspace that may depend on anything and on which nothing may depend.
const LEAVES: &[&str] = &["tenet-bench", "tenet-simulation", "tenet-tests", "tenet-example-feed", "xtask"];

/// The role crates: each is one process's part, so an arrow between two of them would tie two processes together.
const ROLES: u8 = 3;

/// What services are built with, roles among them: neither is a process of its own.
const SDK: &[&str] = &["tenet-service", "tenet-client"];

/// Crates that take bytes and `now`, and the one word each may use nevertheless.
const PURE: &[(&str, &str)] = &[
    ("tenet-contract", "std::fs"),
    ("tenet-collection", ""),
    ("tenet-transcode", ""),
    ("tenet-resilience", ""),
    ("tenet-throttle", ""),
    ("tenet-sketch", ""),
    ("tenet-history", ""),
    ("tenet-error", ""),
    ("tenet-http1", ""),
];

/// Dependencies that would give a pure crate IO, a clock or randomness.
const IMPURE_CRATES: &[&str] =
    &["tokio", "hyper", "hyper-util", "h2", "rand", "socket2", "axum", "tonic", "nix", "libc"];
/// The same in the standard library.
const IMPURE_WORDS: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::fs",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "std::env::var",
];

/// Checks manifests, and the sources of pure crates.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (folder, manifest) in tree.manifests() {
        let Some(name) = manifest.get("package").and_then(|p| p.get("name")).and_then(toml::Value::as_str)
        else {
            continue;
        };
        let place = format!("{folder}/Cargo.toml");
        let tier = tier(name);
        if tier.is_none() && !LEAVES.contains(&name) {
            problems.push(format!(
                "{place}: {name} has no tier: add it to xtask/src/tidy/edges.rs and to ARCHITECTURE.md"
            ));
        }
        let pure = PURE.iter().any(|(crate_name, _)| *crate_name == name);
        // Tests may use what they like, so dev-dependencies are not looked at.
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(|table| table.keys()) {
            if LEAVES.contains(&dependency.as_str()) {
                problems.push(format!("{place}: {dependency} stands at the edge: nothing depends on it"));
            }
            if pure && IMPURE_CRATES.contains(&dependency.as_str()) {
                problems.push(format!("{place}: {name} is pure and may not depend on {dependency}: let its caller bring IO, time and randomness"));
            }
            if let (Some(from), Some(to)) = (tier, self::tier(dependency)) {
                if to > from {
                    problems.push(format!("{place}: {name} (tier {from}) may not depend on {dependency} (tier {to}): arrows never point up"));
                } else if to == from
                    && to == ROLES
                    && (SDK.contains(&name) || !SDK.contains(&dependency.as_str()))
                {
                    problems.push(format!(
                        "{place}: {name} may not depend on {dependency}: roles do not depend on each other"
                    ));
                }
            }
        }
    }
    problems.extend(PURE.iter().flat_map(|(name, allowed)| impure_sources(tree, name, allowed)));
    problems
}

fn tier(name: &str) -> Option<u8> {
    TIERS.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, tier)| *tier)
}

fn impure_sources(tree: &Tree, name: &str, allowed: &str) -> Vec<String> {
    let folder = format!("crates/{}/src/", name.trim_start_matches("tenet-"));
    let mut problems = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.starts_with(&folder) && !path.contains("/bin/"))
    {
        for (index, line) in super::sources::without_tests(text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for word in IMPURE_WORDS.iter().filter(|word| **word != allowed && line.contains(**word)) {
                problems.push(format!("{path}:{}: {name} is pure and may not use {word}", index + 1));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    fn manifest(name: &str, dependency: &str) -> (String, String) {
        let text =
            format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependency} = {{ workspace = true }}\n");
        (format!("crates/{}/Cargo.toml", name.trim_start_matches("tenet-")), text)
    }

    #[test]
    fn arrows_are_judged() {
        for (from, to, expected) in [
            ("tenet-gateway", "tenet-upstream", None),
            ("tenet-contract", "tenet-error", None),
            ("tenet-upstream", "tenet-gateway", Some("never point up")),
            ("tenet-gateway", "tenet-control", Some("roles do not")),
            ("tenet-http1", "tokio", Some("is pure")),
            ("tenet-gateway", "tenet-tests", Some("edge")),
            ("tenet-novelty", "bytes", Some("has no tier")),
        ] {
            let found = check(&Tree::of([manifest(from, to)]));
            match expected {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(words) => {
                    assert!(found.len() == 1 && found[0].contains(words), "{from} -> {to}: {found:?}")
                }
            }
        }
    }

    #[test]
    fn pure_sources_are_judged() {
        let file = |text: &str| Tree::of([("crates/sketch/src/lib.rs".to_owned(), text.to_owned())]);
        assert_eq!(check(&file("fn f() { Instant::now(); }")).len(), 1);
        assert_eq!(
            check(&file("// Instant::now\n#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }")).len(),
            0
        );
    }
}
