//! Finds the `.proto` files below a root.

use super::resolve::Files;
use crate::Diagnostic;
use std::path::Path;

/// Folders deeper than this are a loop of links, not a contract.
const MAX_DEPTH: usize = 32;

/// Adds every `.proto` file below `root` under its import name; hidden folders are left out.
pub(super) fn add_root(root: &Path, files: &mut Files, found: &mut Vec<Diagnostic>) {
    if !root.is_dir() {
        let message =
            if root.exists() { "is a file; expected a folder of .proto files" } else { "does not exist" };
        found.push(
            Diagnostic::error(format!("the contract root {message}")).in_file(&root.display().to_string()),
        );
        return;
    }
    add_folder(root, "", 0, files, found);
}

fn add_folder(folder: &Path, prefix: &str, depth: usize, files: &mut Files, found: &mut Vec<Diagnostic>) {
    let shown = folder.display().to_string();
    if depth > MAX_DEPTH {
        let message = format!("folders nest more than {MAX_DEPTH} deep; is there a loop of symbolic links?");
        found.push(Diagnostic::error(message).in_file(&shown));
        return;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            found.push(Diagnostic::error(format!("cannot list the folder: {error}")).in_file(&shown));
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let import = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if path.is_dir() {
            add_folder(&path, &import, depth + 1, files, found);
        } else if name.ends_with(".proto") {
            files.add_path(import, path);
        }
    }
}
