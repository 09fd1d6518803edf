//! Editions: files that say `edition = "2023"` instead of a syntax.

/// Byte offset of an `edition` declaration that stands where `syntax` would.
pub(crate) fn declaration(text: &str) -> Option<usize> {
    let _ = text;
    None
}

/// Rewrites a compiled editions file.
pub(crate) fn lower(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    Ok(bytes)
}
