//! The line before a chunk (RFC 9112 §7.1): size in hexadecimal, then extensions, which are checked and ignored.

use crate::Refusal;
use crate::grammar::{is_tchar, is_token, show};
use crate::head::LENGTH_MAX;

/// Most digits of a chunk size: sixteen say every 64-bit number, more are leading zeros sent to confuse.
const SIZE_DIGITS_MAX: usize = 16;

/// A chunk-size line without its CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkLine {
    /// Bytes of data that follow; zero begins the trailer section.
    pub size: u64,
    /// Bytes spent on extensions.
    pub extensions: usize,
}

pub(crate) fn parse(line: &[u8]) -> Result<ChunkLine, Refusal> {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    if digits == 0 {
        let found = line.first().map_or("an empty line".into(), |&byte| show(byte));
        return Err(Refusal::malformed(format!(
            "chunk size: {found}, expected hexadecimal digits (RFC 9112 §7.1)"
        )));
    }
    if digits > SIZE_DIGITS_MAX {
        return Err(Refusal::malformed(format!(
            "chunk size: {digits} digits, expected at most {SIZE_DIGITS_MAX} (RFC 9112 §7.1)"
        )));
    }
    // Sixteen digits cannot overflow 64 bits.
    let size = line[..digits].iter().fold(0u64, |size, &digit| size << 4 | u64::from(hex(digit)));
    if size > LENGTH_MAX {
        return Err(Refusal::malformed(format!("chunk size: greater than {LENGTH_MAX} (RFC 9112 §7.1)")));
    }
    let extensions = &line[digits..];
    if !extensions.is_empty() {
        check_extensions(extensions).map_err(|at| {
            let column = digits + at + 1;
            Refusal::malformed(format!(
                "chunk extension: not ;name[=value] at byte {column} (RFC 9112 §7.1.1)"
            ))
        })?;
    }
    Ok(ChunkLine { size, extensions: extensions.len() })
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`; the error is the offset that breaks it.
fn check_extensions(text: &[u8]) -> Result<(), usize> {
    let mut at = 0;
    while at < text.len() {
        at = skip_blank(text, at);
        at = expect(text, at, b';')?;
        at = token(text, skip_blank(text, at))?;
        let equals = skip_blank(text, at);
        if text.get(equals) == Some(&b'=') {
            let value = skip_blank(text, equals + 1);
            at = if text.get(value) == Some(&b'"') { quoted(text, value)? } else { token(text, value)? };
        }
    }
    Ok(())
}

fn skip_blank(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn expect(text: &[u8], at: usize, byte: u8) -> Result<usize, usize> {
    if text.get(at) == Some(&byte) { Ok(at + 1) } else { Err(at) }
}

fn token(text: &[u8], at: usize) -> Result<usize, usize> {
    let end = at + text[at..].iter().take_while(|&&byte| is_tchar(byte)).count();
    if is_token(&text[at..end]) { Ok(end) } else { Err(at) }
}

/// A quoted string (RFC 9110 §5.6.4), from its opening quote.
fn quoted(text: &[u8], open: usize) -> Result<usize, usize> {
    let visible = |byte: u8| byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
    let mut at = open + 1;
    loop {
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if text.get(at + 1).is_some_and(|&byte| visible(byte)) => at += 2,
            Some(&byte) if byte != b'\\' && visible(byte) => at += 1,
            _ => return Err(at.min(text.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_extensions() {
        let check = |line: &str, expected: Option<(u64, usize)>| {
            let found = parse(line.as_bytes()).ok().map(|line| (line.size, line.extensions));
            assert_eq!(found, expected, "{line:?}");
        };
        check("0", Some((0, 0)));
        check("000", Some((0, 0)));
        check("a", Some((10, 0)));
        check("Ff", Some((255, 0)));
        check("0000000000000010", Some((16, 0)));
        check("7fffffffffffffff", Some((i64::MAX as u64, 0)));
        check("8000000000000000", None);
        check("ffffffffffffffff", None);
        check("00000000000000010", None);
        check("10000000000000000", None);
        for bad in ["", " 5", "5 ", "5\t", "-5", "+5", "0x5", "5h", "g", "5,5", "5 5", ";a=b", "5\0", "5_0"] {
            check(bad, None);
        }
        for (line, bytes) in [
            ("5;a", 2),
            ("5;a=b", 4),
            ("5;a=b;c", 6),
            ("5 ; a = b", 8),
            ("5;a=\"b c\"", 8),
            ("5;a=\"\"", 5),
            ("5;a=\"\\\"\"", 7),
            ("5;a=\"é\"", 7),
            ("5;a ;b", 5),
            ("5\t;\ta", 4),
        ] {
            check(line, Some((5, bytes)));
        }
        for bad in [
            "5;",
            "5;;",
            "5;=b",
            "5;a=",
            "5;a=\"b",
            "5;a=\"b\"c",
            "5;a=\"b\\",
            "5;a b",
            "5;a ",
            "5;a=\"\u{1}\"",
            "5;(a)",
        ] {
            check(bad, None);
        }
    }
}
