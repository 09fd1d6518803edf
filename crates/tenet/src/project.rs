//! Loading a project for a command, with what is wrong as text for a terminal.

use crate::cli::Failed;
use std::path::Path;
use tenet_release::{CONFIG_FILE, Release};

/// The release of the project at `path`: its folder, or its `tenet.toml`.
pub fn load(path: &Path) -> Result<Release, Failed> {
    Release::load(folder(path)).map_err(|problems| {
        let count = problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        Failed(format!("{problems}\n\n{count} {noun} in {}", path.display()))
    })
}

/// The project folder, also where its `tenet.toml` was named.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if path.file_name().is_some_and(|name| name == CONFIG_FILE) => {
            if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
        }
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_by_its_folder_or_its_file() {
        for (path, expected) in [("a", "a"), ("a/tenet.toml", "a"), ("tenet.toml", "."), (".", ".")] {
            assert_eq!(folder(Path::new(path)), Path::new(expected));
        }
    }
}
