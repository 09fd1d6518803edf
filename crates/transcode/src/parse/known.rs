//! The well-known types that JSON writes in a form of their own.

use super::map::Keys;
use super::{Outcome, Parser, Place};
use crate::json::Fault;
use crate::table::Message;
use crate::text;
use crate::wire::{self, FIXED64, LEN, VARINT};

impl<'c> Parser<'_, 'c> {
    pub(super) fn timestamp(&mut self) -> Outcome {
        self.instant(
            text::timestamp::parse,
            "an RFC 3339 time between the years 1 and 9999, with Z or an offset",
        )
    }

    pub(super) fn duration(&mut self) -> Outcome {
        self.instant(text::duration::parse, "a duration in seconds such as \"1.5s\"")
    }

    fn instant(&mut self, parse: impl Fn(&[u8]) -> Option<(i64, i32)>, what: &str) -> Outcome {
        self.reader.peek();
        let at = self.reader.pos;
        let text = self.reader.string()?;
        let Some((seconds, nanos)) = parse(self.reader.content(text)) else {
            return Err(Fault::new(at, format!("expected {what}, found another string")));
        };
        for (number, value) in [(1, seconds), (2, i64::from(nanos))] {
            if value != 0 {
                wire::put_tag(self.out, number, VARINT);
                wire::put_varint(self.out, value as u64);
            }
        }
        Ok(())
    }

    pub(super) fn field_mask(&mut self) -> Outcome {
        self.reader.peek();
        let at = self.reader.pos;
        let text = self.reader.string()?;
        let content = self.reader.content(text);
        if content.is_empty() {
            return Ok(());
        }
        for path in content.split(|&byte| byte == b',') {
            wire::put_tag(self.out, 1, LEN);
            let start = wire::open(self.out);
            if !text::mask::to_original(path, self.out) {
                return Err(Fault::new(
                    at,
                    "expected paths of a field mask in lowerCamelCase, found '_' in one",
                ));
            }
            wire::close(self.out, start);
        }
        Ok(())
    }

    pub(super) fn wrapper(&mut self, message: &'c Message) -> Outcome {
        self.single(&message.fields[0], false, 0, &Place::ROOT).map(drop)
    }

    /// `google.protobuf.Value`: any JSON at all.
    pub(super) fn value(&mut self, depth: u32, place: &Place<'_>) -> Outcome {
        match self.reader.peek() {
            b'n' => {
                self.reader.literal("null")?;
                self.out.extend_from_slice(&[1 << 3 | VARINT, 0]);
            }
            b't' | b'f' => {
                let value = self.reader.boolean()?;
                self.out.extend_from_slice(&[4 << 3 | VARINT, value.into()]);
            }
            b'"' => {
                let text = self.reader.string()?;
                wire::put_bytes(self.out, 3, self.reader.content(text));
            }
            b'{' => return self.inside(5, |parser| parser.structure(depth, place)),
            b'[' => return self.inside(6, |parser| parser.values(depth, place)),
            b'-' | b'0'..=b'9' => {
                let value = self.double()?;
                wire::put_tag(self.out, 2, FIXED64);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            _ => return Err(self.reader.unexpected("a value")),
        }
        self.bounded()
    }

    /// A message field written around what `write` appends.
    fn inside(&mut self, number: u32, write: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        wire::put_tag(self.out, number, LEN);
        let start = wire::open(self.out);
        write(self)?;
        wire::close(self.out, start);
        self.bounded()
    }

    /// Lists and objects inside a Value count as levels of nesting, like messages do.
    fn deeper(&self, depth: u32) -> Result<u32, Fault> {
        depth.checked_sub(1).ok_or_else(|| Fault::new(self.reader.pos, "values are nested too deeply"))
    }

    /// `google.protobuf.Struct`: an object of values.
    pub(super) fn structure(&mut self, depth: u32, place: &Place<'_>) -> Outcome {
        let depth = self.deeper(depth)?;
        let mut keys = Keys::default();
        let begin = self.reader.pos;
        self.reader.expect(b'{', "an object")?;
        let mut more = !self.reader.closes(b'}');
        while more {
            self.reader.peek();
            let at = self.reader.pos;
            let text = self.reader.string()?;
            let place = place.member(&self.reader.text[at + 1..self.reader.pos - 1]);
            keys.add(self.reader.content(text));
            self.inside(1, |parser| {
                wire::put_bytes(parser.out, 1, parser.reader.content(text));
                parser.reader.expect(b':', "':'")?;
                parser.inside(2, |parser| parser.value(depth, &place))
            })
            .map_err(|fault| fault.placed(|| place.path()))?;
            more = self.reader.more(b'}')?;
        }
        if keys.repeat() {
            return Err(Fault::new(begin, "a member of the object is given twice"));
        }
        Ok(())
    }

    /// `google.protobuf.ListValue`: a list of values.
    pub(super) fn values(&mut self, depth: u32, place: &Place<'_>) -> Outcome {
        let depth = self.deeper(depth)?;
        self.reader.expect(b'[', "a list")?;
        if self.reader.closes(b']') {
            return Ok(());
        }
        for index in 0.. {
            let place = place.index(index);
            self.inside(1, |parser| parser.value(depth, &place))
                .map_err(|fault| fault.placed(|| place.path()))?;
            if !self.reader.more(b']')? {
                break;
            }
        }
        Ok(())
    }
}
