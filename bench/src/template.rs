//! Configurations of peers: committed with `@NAME@` where a port or folder of the run goes.

use crate::Outcome;
use std::path::{Path, PathBuf};

/// The bench's folder in the checkout.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fills the file `relative` of the bench's folder and writes it to `target`.
pub fn fill_file(relative: &str, values: &[(&str, String)], target: &Path) -> Outcome<PathBuf> {
    let source = folder().join(relative);
    let text = std::fs::read_to_string(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let filled =
        fill(&text, values).map_err(|name| format!("{}: nobody fills @{name}@", source.display()))?;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(target, filled).map_err(|error| format!("{}: {error}", target.display()))?;
    Ok(target.to_path_buf())
}

/// Copies the file `relative` of the bench's folder to the same place below `target`.
pub fn copy_file(relative: &str, target: &Path) -> Outcome {
    let copy = target.join(relative);
    let copied = std::fs::create_dir_all(copy.parent().unwrap_or(target))
        .and_then(|()| std::fs::copy(folder().join(relative), &copy));
    copied.map(drop).map_err(|error| format!("{}: {error}", copy.display()))
}

/// Replaces each `@NAME@`; the error is a name without a value. Comments may say `@NAMES@` of them all.
fn fill(text: &str, values: &[(&str, String)]) -> Result<String, String> {
    let mut filled = text.to_owned();
    for (name, value) in values {
        filled = filled.replace(&format!("@{name}@"), value);
    }
    let rest = filled.replace("@NAMES@", "");
    let left = rest
        .split('@')
        .skip(1)
        .step_by(2)
        .find(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    left.map_or(Ok(filled.clone()), |name| Err(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn names_are_filled_and_a_missing_one_is_named() {
        let values = [("A", "1".to_owned())];
        assert_eq!(fill("x @A@ y", &values), Ok("x 1 y".to_owned()));
        assert_eq!(fill("x @A@ @B_C@", &values), Err("B_C".to_owned()));
        assert_eq!(fill("\"@type\": @A@ # @NAMES@", &values), Ok("\"@type\": 1 # @NAMES@".to_owned()));
    }
}
