//! Keys as text for people, and the way back: `("u7", 42, true, 2026-11-26T05:27:45Z, 0x00ff)`.

mod parse;

pub use parse::{KeyTextError, parse};

use crate::{KeyError, KeyValue, Kind, decode};
use std::fmt::{self, Write as _};
use tenet_transcode::instant;

/// A key of these kinds as text, which [`parse`] reads back to the same bytes.
///
/// # Errors
/// It is no key of these kinds.
pub fn show(kinds: &[Kind], key: &[u8]) -> Result<String, KeyError> {
    let mut out = String::from("(");
    for (index, value) in decode(kinds, key)?.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(out, "{separator}{value}");
    }
    out.push(')');
    Ok(out)
}

impl fmt::Display for KeyValue<'_> {
    /// As [`show`] has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyValue::Text(text) => quoted(text, f),
            KeyValue::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            KeyValue::Signed(number) => write!(f, "{number}"),
            KeyValue::Unsigned(number) => write!(f, "{number}"),
            KeyValue::Boolean(flag) => write!(f, "{flag}"),
            KeyValue::Timestamp { seconds, nanos } => match instant::print(*seconds, *nanos) {
                Some(text) => f.write_str(&text),
                // No message holds such a time, but a key can be made of one.
                None => write!(f, "@{seconds}.{nanos:09}"),
            },
        }
    }
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(f, "\\{letter}")?,
            _ if unseen(letter) => write!(f, "\\u{{{:x}}}", u32::from(letter))?,
            _ => f.write_char(letter)?,
        }
    }
    f.write_char('"')
}

/// Letters that would move the cursor of a terminal, turn the direction of writing, or make two keys look alike.
fn unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
