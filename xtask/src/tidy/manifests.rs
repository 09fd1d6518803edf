//! Manifests: lints inherited by every crate, every dependency pinned once with its reason, none pinned for nobody.

use super::tree::Tree;
use std::collections::BTreeSet;

/// Tables of a manifest that name dependencies.
pub const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks every member's manifest and the root's.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for (folder, manifest) in tree.manifests() {
        let place = format!("{folder}/Cargo.toml");
        let inherits =
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if inherits != Some(true) {
            problems.push(format!(
                "{place}: does not inherit the workspace's lints: add `[lints]` with `workspace = true`"
            ));
        }
        for table in DEPENDENCIES {
            let Some(dependencies) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies {
                used.insert(name.clone());
                // A path is another member, which has no version to pin.
                let pinned = value.get("workspace").and_then(toml::Value::as_bool) != Some(true);
                if pinned && value.get("path").is_none() {
                    problems.push(format!("{place}: {name} is pinned here: pin it in the root's [workspace.dependencies] and write `workspace = true`"));
                }
            }
        }
    }
    problems.extend(check_root(tree.text("Cargo.toml").unwrap_or_default(), &used));
    problems
}

/// The root's `[workspace.dependencies]`, by lines because the reasons are comments.
fn check_root(text: &str, used: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.starts_with("[workspace.dependencies]");
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) else {
            continue;
        };
        let (name, number) = (name.trim(), index + 1);
        if !value.contains("path =") && !value.contains("# ") {
            problems.push(format!(
                "Cargo.toml:{number}: {name} has no reason: say in a comment on its line why it is here"
            ));
        }
        if !used.contains(name) {
            problems.push(format!("Cargo.toml:{number}: {name} is used by no crate: remove it"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    fn problems(root: &str, member: &str) -> Vec<String> {
        check(&Tree::of([("Cargo.toml".into(), root.into()), ("crates/a/Cargo.toml".into(), member.into())]))
    }

    #[test]
    fn manifests_are_judged() {
        let lints = "[lints]\nworkspace = true\n";
        let root = "[workspace.dependencies]\nbytes = \"1\" # buffers\n";
        let uses = "[dependencies]\nbytes = { workspace = true }\n";
        for (root, member, expected) in [
            (root, format!("{lints}{uses}"), None),
            (root, uses.to_owned(), Some("lints")),
            (root, lints.to_owned(), Some("used by no crate")),
            ("[workspace.dependencies]\nbytes = \"1\"\n", format!("{lints}{uses}"), Some("no reason")),
            (root, format!("{lints}[dependencies]\nbytes = \"1\"\n"), Some("pinned here")),
        ] {
            let found = problems(root, &member);
            match expected {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}"),
            }
        }
    }
}
