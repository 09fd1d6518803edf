//! Documents: every path and every relative link in them exists.

use super::tree::Tree;

/// Checks all Markdown of the tree.
pub fn check(tree: &Tree) -> Vec<String> {
    tree.texts()
        .filter(|(path, _)| path.ends_with(".md"))
        .flat_map(|(path, text)| check_document(tree, path, text))
        .collect()
}

/// First parts of paths that are surely ours; other words with a slash may be URLs, media types or protobuf names.
const ROOTS: [&str; 9] =
    ["crates/", "proto/tenet/", "console/", "examples/", "bench/", "tests/", "xtask/", "docs/", ".ci/"];

fn check_document(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut problems = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let mut missing =
            |what: &str| problems.push(format!("{path}:{}: names {what}, which does not exist", index + 1));
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        // Blocks hold commands, maps of folders and outputs: their paths count; inline, only what is marked as code does.
        let spans: Vec<&str> = if fenced { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for word in spans.into_iter().flat_map(str::split_whitespace) {
            let word = word
                .trim_matches(['"', '\'', '(', ')', ',', ';', '.'])
                .split([':', '#'])
                .next()
                .unwrap_or_default();
            // ".ci/run" lost its dot above.
            let word = if word.starts_with("ci/run") { ".ci/run" } else { word };
            let ours = ROOTS.iter().any(|root| word.starts_with(root));
            if ours
                && !word.contains(['*', '<', '{', '$', '…', '='])
                && !word.contains("...")
                && !exists(tree, folder, word)
            {
                missing(word);
            }
        }
        if !fenced {
            for target in links(line) {
                if !exists(tree, folder, target) {
                    missing(target);
                }
            }
        }
    }
    problems
}

/// Relative targets of `[text](target)` in a line, without fragments.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ']).next()?.split('#').next()?;
        let foreign = target.is_empty()
            || target.contains("://")
            || target.starts_with("mailto:")
            || target.starts_with('/');
        (!foreign).then_some(target)
    })
}

/// Whether `target` exists, seen from `folder` or from one above it: a crate's document names the crate's own files.
fn exists(tree: &Tree, folder: &str, target: &str) -> bool {
    let mut above: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    loop {
        if tree.has(&join(&above, target)) {
            return true;
        }
        if above.pop().is_none() {
            return false;
        }
    }
}

fn join(folder: &[&str], target: &str) -> String {
    let mut parts = folder.to_vec();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn paths_and_links_are_judged() {
        for (text, expected) in [
            ("See `crates/a/src/lib.rs` and [b](docs/b.md#top).", 0),
            ("See `crates/gone/src/lib.rs`.", 1),
            ("See [gone](docs/gone.md) and [far](https://example.com/gone).", 1),
            ("`crates/*/fuzz` and `crates/<name>` and crates/gone in prose", 0),
            ("```\ncargo run -- check examples/gone\n```", 1),
            ("run `.ci/run`", 0),
            ("`crates/a/src/lib.rs:12`", 0),
            ("a project's `proto/shop.proto`, our `proto/tenet/gone.proto`", 1),
        ] {
            let files =
                [("README.md", text), ("crates/a/src/lib.rs", ""), ("docs/b.md", ""), (".ci/run", "")];
            let found = check(&Tree::of(files.map(|(path, text)| (path.to_owned(), text.to_owned()))));
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
        let files = [
            ("docs/a.md", "[b](b.md) [up](../README.md) [no](README.md)"),
            ("docs/b.md", ""),
            ("README.md", ""),
        ];
        // From docs/, README.md is also found from the root, as paths in documents are written.
        assert!(check(&Tree::of(files.map(|(path, text)| (path.to_owned(), text.to_owned())))).is_empty());
    }
}
