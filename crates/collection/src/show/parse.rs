//! Reads a key as a person writes it.

use crate::{KeyBuilder, KeyValue, Kind};
use std::borrow::Cow;
use tenet_transcode::instant;

/// A text that is no key of the expected kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?} at byte {at}, expected {expected}")]
pub struct KeyTextError {
    /// Where in the text, in bytes.
    pub at: usize,
    /// What stands there, up to the next comma.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

/// The key that `text` says: values of exactly these kinds between commas, with or without parentheses around them. A string needs quotation
/// marks only where it has commas, parentheses, quotation marks or spaces at its ends (`u7` is `("u7")`); bytes are `0x` and hexadecimal
/// digits, times RFC 3339.
///
/// # Errors
/// The first thing that is otherwise.
pub fn parse(kinds: &[Kind], text: &str) -> Result<Vec<u8>, KeyTextError> {
    let mut reader = Reader { text, at: 0 };
    reader.spaces();
    let around = reader.eat('(');
    let mut key = KeyBuilder::new();
    for (index, kind) in kinds.iter().enumerate() {
        reader.spaces();
        if index > 0 && !reader.eat(',') {
            return Err(reader.wrong(&format!("a comma, then {kind}")));
        }
        reader.spaces();
        key = key.value(&reader.value(*kind)?);
    }
    reader.spaces();
    if !kinds.is_empty() && reader.eat(',') {
        reader.spaces();
    }
    if around && !reader.eat(')') {
        return Err(reader.wrong(")"));
    }
    reader.spaces();
    if reader.rest().is_empty() { Ok(key.finish()) } else { Err(reader.wrong("the end of the key")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, letter: char) -> bool {
        let there = self.rest().starts_with(letter);
        if there {
            self.at += letter.len_utf8();
        }
        there
    }

    fn wrong(&self, expected: &str) -> KeyTextError {
        let found = self.rest().split(',').next().unwrap_or_default().trim_end().to_owned();
        KeyTextError { at: self.at, found, expected: expected.to_owned() }
    }

    /// What stands before the next comma or parenthesis.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        rest[..rest.find([',', '(', ')', '"']).unwrap_or(rest.len())].trim_end()
    }

    fn value(&mut self, kind: Kind) -> Result<KeyValue<'a>, KeyTextError> {
        if kind == Kind::Text && self.rest().starts_with('"') {
            return self.quoted();
        }
        let word = self.word();
        let value = match kind {
            Kind::Text => {
                Some(word).filter(|word| !word.is_empty()).map(|word| KeyValue::Text(Cow::Borrowed(word)))
            }
            Kind::Bytes => hexadecimal(word).map(|bytes| KeyValue::Bytes(Cow::Owned(bytes))),
            Kind::Signed => word.parse().ok().map(KeyValue::Signed),
            Kind::Unsigned => word.parse().ok().map(KeyValue::Unsigned),
            Kind::Boolean => word.parse().ok().map(KeyValue::Boolean),
            Kind::Timestamp => time(word),
        };
        let expected = match kind {
            Kind::Text => "text, in quotation marks where it is empty",
            Kind::Bytes => "bytes: 0x and pairs of hexadecimal digits",
            Kind::Timestamp => "a time such as 2026-11-26T05:27:45Z",
            Kind::Signed | Kind::Unsigned | Kind::Boolean => "",
        };
        let value = value.ok_or_else(|| match expected {
            "" => self.wrong(&kind.to_string()),
            expected => self.wrong(expected),
        })?;
        self.at += word.len();
        Ok(value)
    }

    fn quoted(&mut self) -> Result<KeyValue<'a>, KeyTextError> {
        let start = self.at;
        self.eat('"');
        let mut text = String::new();
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                '"' => {
                    self.at += 1;
                    return Ok(KeyValue::Text(Cow::Owned(text)));
                }
                '\\' => text.push(self.escape()?),
                _ => {
                    self.at += letter.len_utf8();
                    text.push(letter);
                }
            }
        }
        self.at = start;
        Err(self.wrong("a quotation mark that ends it"))
    }

    /// `\"`, `\\` or `\u{…}`.
    fn escape(&mut self) -> Result<char, KeyTextError> {
        let rest = self.rest();
        for letter in ['"', '\\'] {
            if rest.get(1..).is_some_and(|rest| rest.starts_with(letter)) {
                self.at += 2;
                return Ok(letter);
            }
        }
        let code = rest.strip_prefix("\\u{").and_then(|rest| rest.split_once('}')).map(|(code, _)| code);
        let letter = code
            .filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        match (code, letter) {
            (Some(code), Some(letter)) => {
                self.at += "\\u{}".len() + code.len();
                Ok(letter)
            }
            _ => Err(self.wrong("\\\", \\\\ or \\u{…} with the number of a letter")),
        }
    }
}

fn hexadecimal(word: &str) -> Option<Vec<u8>> {
    let digits = word.strip_prefix("0x").filter(|digits| digits.len() % 2 == 0 && digits.is_ascii())?;
    let pair = |at: usize| {
        let pair = digits.get(at..at + 2)?;
        pair.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
    };
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// RFC 3339, or what is shown for a time outside of the years that it can say: `@seconds.nanoseconds`.
fn time(word: &str) -> Option<KeyValue<'static>> {
    let (seconds, nanos) = match word.strip_prefix('@') {
        None => instant::parse(word)?,
        Some(outside) => {
            let (seconds, nanos) = outside.split_once('.')?;
            let nanos =
                Some(nanos).filter(|nanos| nanos.len() == 9 && nanos.bytes().all(|b| b.is_ascii_digit()))?;
            (seconds.parse().ok()?, nanos.parse().ok()?)
        }
    };
    Some(KeyValue::Timestamp { seconds, nanos })
}
