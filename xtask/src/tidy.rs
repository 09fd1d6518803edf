//! `cargo xtask tidy`: the house rules, as checks over the tree's text.
//!
//! Each rule is a pure function from a file's path and text to problems, in its own file below `tidy/`; this one feeds
//! them. A problem names the place, the rule and the way out.

mod documents;
mod edges;
mod manifests;
mod sources;
mod tree;

use crate::shell::Outcome;
use tree::Tree;

/// Checks the checkout and prints every problem; fails where there is one.
pub fn run() -> Outcome {
    let problems = check(&Tree::of_checkout()?);
    if problems.is_empty() {
        println!("tidy");
        return Ok(());
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    Err(format!("{} house rules are broken", problems.len()))
}

fn check(tree: &Tree) -> Vec<String> {
    let mut problems = manifests::check(tree);
    problems.extend(edges::check(tree));
    problems.extend(documents::check(tree));
    for (path, text) in tree.texts() {
        problems.extend(sources::check(path, text));
    }
    problems.sort();
    problems
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    /// The rules run wherever the tests run, not only in CI.
    #[test]
    fn the_tree_is_tidy() {
        let problems = check(&Tree::of_checkout().unwrap());
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}
