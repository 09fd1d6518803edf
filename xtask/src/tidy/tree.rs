//! The files the rules look at: what git tracks or would track, without what others wrote.

use crate::shell::{Outcome, command, output, root};
use std::collections::BTreeMap;
use std::path::Path;

/// Path relative to the root, with `/`, to text.
pub struct Tree {
    texts: BTreeMap<String, String>,
    /// Every path, text or not, and every folder above one.
    paths: std::collections::BTreeSet<String>,
}

/// Folders whose content is not ours to tidy.
const FOREIGN: [&str; 3] = ["/vendor/", "/node_modules/", "/protos/google/"];
/// Endings of the texts that rules read.
const TEXTS: [&str; 6] = [".rs", ".js", ".mjs", ".toml", ".md", ".proto"];

impl Tree {
    /// The checkout as it stands, uncommitted files included.
    pub fn of_checkout() -> Outcome<Tree> {
        let listed = output(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]));
        let paths: Vec<String> = match listed {
            Ok(list) => list.lines().map(str::to_owned).collect(),
            // An unpacked archive has no git: everything that is not built is taken.
            Err(_) => walk(&root(), ""),
        };
        let files = paths.into_iter().filter_map(|path| {
            let bytes = std::fs::read(root().join(&path)).ok()?;
            Some((path, String::from_utf8(bytes).unwrap_or_default()))
        });
        Ok(Tree::of(files))
    }

    /// A tree of these files.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Tree {
        let mut tree = Tree { texts: BTreeMap::new(), paths: std::collections::BTreeSet::new() };
        for (path, text) in files {
            let mut folder = path.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                tree.paths.insert(above.to_owned());
                folder = above;
            }
            tree.paths.insert(path.clone());
            let foreign = FOREIGN.iter().any(|part| path.contains(part));
            if !foreign && TEXTS.iter().any(|ending| path.ends_with(ending)) {
                tree.texts.insert(path, text);
            }
        }
        tree
    }

    /// Texts by path.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// One text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether a file or folder of that path exists.
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }

    /// The manifests of the workspace's members as `(folder, table)`; a broken one is cargo's to report.
    pub fn manifests(&self) -> Vec<(&str, toml::Table)> {
        self.texts()
            .filter_map(|(path, text)| {
                let folder = path.strip_suffix("/Cargo.toml")?;
                // Fuzz crates, which need another compiler, and the comparison of engines are workspaces of their own.
                let manifest: toml::Table = text.parse().ok()?;
                (!manifest.contains_key("workspace")).then_some((folder, manifest))
            })
            .collect()
    }
}

fn walk(root: &Path, below: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if matches!(name.as_str(), "target" | "node_modules" | ".git" | ".tenet") {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.path().is_dir() {
            found.extend(walk(root, &path));
        } else {
            found.push(path);
        }
    }
    found
}
