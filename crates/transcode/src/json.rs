//! JSON text, token by token (RFC 8259): no tree, no allocation but for strings that carry escapes.

pub(crate) mod number;

use crate::JsonError;

/// What is wrong at a byte offset. Boxed, so that the results of the hot path stay small.
#[derive(Debug)]
pub(crate) struct Fault(Box<JsonError>, bool);

impl Fault {
    #[cold]
    pub fn new(offset: usize, message: impl Into<String>) -> Fault {
        let path = String::new();
        Fault(Box::new(JsonError { offset, path, message: message.into(), unknown_field: false }), false)
    }

    /// Marks a field that only strictness refuses.
    #[cold]
    pub fn unknown_field(mut self) -> Fault {
        self.0.unknown_field = true;
        self
    }

    /// Says where in the document; the innermost place, said first, stays.
    #[cold]
    pub fn placed(mut self, path: impl FnOnce() -> String) -> Fault {
        if !self.1 {
            self.0.path = path();
            self.1 = true;
        }
        self
    }

    pub fn into_error(self) -> JsonError {
        *self.0
    }
}

/// Reads tokens from text that is known to be UTF-8.
pub(crate) struct Reader<'a> {
    pub text: &'a [u8],
    pub pos: usize,
    /// Strings with escapes are decoded into here; one at a time.
    scratch: Vec<u8>,
}

/// A string's content: as it stands in the text, or decoded in the reader's scratch.
#[derive(Clone, Copy)]
pub(crate) enum Text {
    Plain { start: usize, end: usize },
    Decoded,
}

impl<'a> Reader<'a> {
    /// Checks the whole text for UTF-8 once, so that no later step has to.
    pub fn new(text: &'a [u8]) -> Result<Reader<'a>, Fault> {
        match std::str::from_utf8(text) {
            Ok(_) => Ok(Reader { text, pos: 0, scratch: Vec::new() }),
            Err(error) => Err(Fault::new(error.valid_up_to(), "the text is not UTF-8")),
        }
    }

    /// The next byte that is not white space, without taking it; 0 at the end (a 0 byte is never JSON either).
    #[inline]
    pub fn peek(&mut self) -> u8 {
        loop {
            match self.text.get(self.pos) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.pos += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    /// Takes one punctuation byte.
    #[inline]
    pub fn expect(&mut self, byte: u8, what: &str) -> Result<(), Fault> {
        if self.peek() == byte {
            self.pos += 1;
            return Ok(());
        }
        Err(self.unexpected(what))
    }

    /// What stands here, in words, where something else was expected.
    #[cold]
    pub fn unexpected(&mut self, expected: &str) -> Fault {
        self.peek();
        let found = match self.text.get(self.pos) {
            None => "the end of the text".to_owned(),
            Some(b'"') => "a string".to_owned(),
            Some(b'{') => "an object".to_owned(),
            Some(b'[') => "a list".to_owned(),
            Some(b'-' | b'0'..=b'9') => "a number".to_owned(),
            Some(b't' | b'f') => "a boolean".to_owned(),
            Some(b'n') => "null".to_owned(),
            Some(byte) => format!("'{}'", byte.escape_ascii()),
        };
        Fault::new(self.pos, format!("expected {expected}, found {found}"))
    }

    /// After an element of a list or object: true when another follows.
    #[inline]
    pub fn more(&mut self, close: u8) -> Result<bool, Fault> {
        match self.peek() {
            b',' => {
                self.pos += 1;
                Ok(true)
            }
            byte if byte == close => {
                self.pos += 1;
                Ok(false)
            }
            _ => Err(self.unexpected(if close == b'}' { "',' or '}'" } else { "',' or ']'" })),
        }
    }

    /// After the opening bracket: true when it closes at once.
    #[inline]
    pub fn closes(&mut self, close: u8) -> bool {
        let closes = self.peek() == close;
        self.pos += usize::from(closes);
        closes
    }

    /// Takes `null`, `true` or `false`.
    pub fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        self.peek();
        let rest = &self.text[self.pos..];
        let ends = !matches!(rest.get(word.len()), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        if rest.starts_with(word.as_bytes()) && ends {
            self.pos += word.len();
            return Ok(());
        }
        Err(self.unexpected(word))
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            b't' => self.literal("true").map(|()| true),
            b'f' => self.literal("false").map(|()| false),
            _ => Err(self.unexpected("true or false")),
        }
    }

    /// Takes a number token, checked against the grammar of RFC 8259 §6.
    pub fn number(&mut self) -> Result<&'a [u8], Fault> {
        self.peek();
        let rest = &self.text[self.pos..];
        let length = number::token(rest);
        let ends =
            !matches!(rest.get(length), Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-' | b'a'..=b'z'));
        if length == 0 || !ends {
            return Err(match rest.first() {
                Some(b'-' | b'0'..=b'9') => Fault::new(self.pos, "this is not a JSON number"),
                _ => self.unexpected("a number"),
            });
        }
        self.pos += length;
        Ok(&rest[..length])
    }

    /// Takes a string.
    #[inline]
    pub fn string(&mut self) -> Result<Text, Fault> {
        if self.peek() != b'"' {
            return Err(self.unexpected("a string"));
        }
        let start = self.pos + 1;
        let end = plain_until(self.text, start);
        match self.text.get(end) {
            Some(b'"') => {
                self.pos = end + 1;
                Ok(Text::Plain { start, end })
            }
            _ => self.escaped(start, end),
        }
    }

    /// The content of a string just taken.
    #[inline]
    pub fn content(&self, text: Text) -> &[u8] {
        match text {
            Text::Plain { start, end } => &self.text[start..end],
            Text::Decoded => &self.scratch,
        }
    }

    fn escaped(&mut self, start: usize, mut at: usize) -> Result<Text, Fault> {
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.text[start..at]);
        loop {
            match self.text.get(at) {
                Some(b'"') => {
                    self.pos = at + 1;
                    return Ok(Text::Decoded);
                }
                Some(b'\\') => at = self.escape(at)?,
                Some(_) => return Err(Fault::new(at, "a control character stands unescaped in a string")),
                None => return Err(Fault::new(start - 1, "a string has no end")),
            }
            let end = plain_until(self.text, at);
            self.scratch.extend_from_slice(&self.text[at..end]);
            at = end;
        }
    }

    /// Decodes the escape at `at`; gives the place after it.
    fn escape(&mut self, at: usize) -> Result<usize, Fault> {
        let plain = match self.text.get(at + 1) {
            Some(b'u') => return self.unicode(at),
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
            _ => return Err(Fault::new(at, "a backslash begins no escape that JSON has")),
        };
        self.scratch.push(plain);
        Ok(at + 2)
    }

    /// Decodes `\uXXXX`, and a surrogate pair as one character (RFC 8259 §7). Half a pair has no UTF-8 form.
    fn unicode(&mut self, at: usize) -> Result<usize, Fault> {
        let first = self.hex4(at)?;
        let (code, end) = match first {
            0xd800..=0xdbff => match self.hex4(at + 6) {
                Ok(second @ 0xdc00..=0xdfff) => {
                    (0x10000 + ((first - 0xd800) << 10 | (second - 0xdc00)), at + 12)
                }
                _ => return Err(Fault::new(at, "half of a surrogate pair")),
            },
            _ => (first, at + 6),
        };
        let Some(letter) = char::from_u32(code) else {
            return Err(Fault::new(at, "half of a surrogate pair"));
        };
        self.scratch.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(end)
    }

    fn hex4(&self, at: usize) -> Result<u32, Fault> {
        let wrong = || Fault::new(at, "\\u is not followed by four hexadecimal digits");
        let digits = self.text.get(at..at + 6).filter(|six| six.starts_with(b"\\u")).ok_or_else(wrong)?;
        digits[2..]
            .iter()
            .try_fold(0, |code, &digit| Ok(code << 4 | char::from(digit).to_digit(16).ok_or_else(wrong)?))
    }

    /// Steps over one value of any kind, checking its form; without recursion.
    pub fn skip(&mut self, depth: u32) -> Result<(), Fault> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                bracket @ (b'{' | b'[') => {
                    if open.len() as u32 >= depth {
                        return Err(Fault::new(self.pos, "nested too deeply"));
                    }
                    self.pos += 1;
                    let close = bracket + 2;
                    if !self.closes(close) {
                        open.push(close);
                        self.skip_key(close)?;
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                b'-' | b'0'..=b'9' => drop(self.number()?),
                _ => return Err(self.unexpected("a value")),
            }
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                if self.more(close)? {
                    self.skip_key(close)?;
                    break;
                }
                open.pop();
            }
        }
    }

    fn skip_key(&mut self, close: u8) -> Result<(), Fault> {
        if close == b'}' {
            self.string()?;
            self.expect(b':', "':'")?;
        }
        Ok(())
    }

    /// Nothing but white space may be left.
    pub fn end(&mut self) -> Result<(), Fault> {
        self.peek();
        if self.pos == self.text.len() {
            return Ok(());
        }
        Err(self.unexpected("the end of the text"))
    }
}

/// Where the run of bytes that stand for themselves ends: at a quote, a backslash, a control character or the end.
/// Eight bytes at a time: the tests below set the top bit of each byte that matches (Mycroft's trick), and the first
/// set bit of a little-endian word is never a false match.
#[inline]
pub(crate) fn plain_until(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    while let Some(Ok(chunk)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let found = (quote.wrapping_sub(ONES) & !quote
            | slash.wrapping_sub(ONES) & !slash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & TOPS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let mut reader = Reader::new(text.as_bytes()).expect("UTF-8");
        match (reader.string(), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(reader.content(found), expected.as_bytes(), "{text}"),
            (Err(fault), Err(expected)) => assert!(fault.0.message.contains(expected), "{text}: {fault:?}"),
            (found, _) => panic!("{text}: {:?}", found.map(|found| reader.content(found).to_vec())),
        }
    }

    #[test]
    fn strings() {
        check(r#""""#, Ok(""));
        check(r#""plain and long enough for a word""#, Ok("plain and long enough for a word"));
        check(r#""a\n\t\r\b\f\"\\\/z""#, Ok("a\n\t\r\u{8}\u{c}\"\\/z"));
        check(r#""\u00e9\uD83d\uDE00é""#, Ok("é😀é"));
        check(r#""\ud83d""#, Err("surrogate"));
        check(r#""\ude00\ud83d""#, Err("surrogate"));
        check(r#""\ud83d\u0041""#, Err("surrogate"));
        check(r#""\u12g4""#, Err("hexadecimal"));
        check(r#""\x""#, Err("backslash"));
        check("\"\u{1}\"", Err("control"));
        check("\"12345678\n\"", Err("control"));
        check("\"abc", Err("no end"));
        check("\"abc\\", Err("backslash"));
        check("12", Err("found a number"));
    }

    #[test]
    fn the_plain_run_ends_at_the_first_special_byte_wherever_it_stands() {
        for length in 0..40 {
            for special in [b'"', b'\\', 0, 0x1f] {
                for at in 0..length {
                    let mut text = vec![b'a'; length];
                    text[at] = special;
                    assert_eq!(plain_until(&text, 0), at);
                }
            }
            let high = vec![0xc3; length];
            assert_eq!(plain_until(&high, 0), length);
        }
    }

    #[test]
    fn skipping_checks_the_form() {
        let rows = [
            (r#"{"a":[1,2,{"b":null}],"c":"}"} "#, true),
            ("[]", true),
            ("[1,]", false),
            ("{\"a\":1,}", false),
            ("{\"a\" 1}", false),
            ("[1}", false),
            ("nul", false),
            ("nullx", false),
            ("01", false),
            ("-", false),
        ];
        for (text, good) in rows {
            let mut reader = Reader::new(text.as_bytes()).expect("UTF-8");
            let result = reader.skip(10).and_then(|()| reader.end());
            assert_eq!(result.is_ok(), good, "{text}: {result:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(Reader::new(deep.as_bytes()).expect("UTF-8").skip(100).is_err());
    }
}
