//! `google.protobuf.Any`: an object whose `@type`, wherever it stands, says what the other members mean.

use super::{Outcome, Parser, Place};
use crate::json::{Fault, Text};
use crate::table::{Message, Shape};
use crate::wire::{self, LEN};

impl<'c> Parser<'_, 'c> {
    pub(super) fn any(&mut self, depth: u32, place: &Place<'_>) -> Outcome {
        self.reader.peek();
        let start = self.reader.pos;
        self.reader.expect(b'{', "an object")?;
        let Some((at, url)) = self.find_type(depth)? else {
            // An Any that holds nothing is `{}`.
            self.reader.pos = start + 1;
            return match self.reader.closes(b'}') {
                true => Ok(()),
                false => Err(Fault::new(start, "the object of an Any has no \"@type\"")),
            };
        };
        let url = self.reader.content(url);
        wire::put_bytes(self.out, 1, url);
        let message = std::str::from_utf8(url).ok().and_then(|url| self.codec.by_type_url(url));
        let Some(message) = message else {
            let text = crate::error::excerpt(url);
            return Err(Fault::new(at, format!("\"@type\" names no known message: \"{text}\"")));
        };
        self.reader.pos = start;
        wire::put_tag(self.out, 2, LEN);
        let value = wire::open(self.out);
        match message.shape {
            Shape::Plain => {
                let Some(depth) = depth.checked_sub(1) else {
                    return Err(Fault::new(start, "messages are nested too deeply"));
                };
                self.object(message, depth, place, true)?;
            }
            _ => self.any_value(message, depth, place)?,
        }
        wire::close(self.out, value);
        Ok(())
    }

    /// Looks through the members for `@type`, just past the opening brace; it is mostly the first. Where it is not, what
    /// stands before it is read twice, and in an Any inside it once more: all such looks together have a bound.
    fn find_type(&mut self, depth: u32) -> Result<Option<(usize, Text)>, Fault> {
        let mut more = self.reader.peek() != b'}';
        while more {
            self.reader.peek();
            let at = self.reader.pos;
            let key = self.reader.string()?;
            let is_type = self.reader.content(key) == b"@type";
            self.reader.expect(b':', "':'")?;
            if is_type {
                let at = self.reader.pos;
                return self.reader.string().map(|text| Some((at, text)));
            }
            self.reader.skip(depth)?;
            let left = self.look_ahead.checked_sub(self.reader.pos - at);
            self.look_ahead =
                left.ok_or_else(|| Fault::new(at, "too much stands before the \"@type\" of an Any"))?;
            more = self.reader.more(b'}')?;
        }
        Ok(None)
    }

    /// A type with a form of its own stands under `value`.
    fn any_value(&mut self, message: &'c Message, depth: u32, place: &Place<'_>) -> Outcome {
        let start = self.reader.pos;
        self.reader.expect(b'{', "an object")?;
        let (mut has_value, mut has_type) = (false, false);
        let mut more = !self.reader.closes(b'}');
        while more {
            self.reader.peek();
            let at = self.reader.pos;
            self.reader.string()?;
            let name = &self.reader.text[at + 1..self.reader.pos - 1];
            let place = place.member(name);
            self.reader.expect(b':', "':'")?;
            match name {
                b"@type" => self.type_member(at, &mut has_type)?,
                b"value" if has_value => return Err(Fault::new(at, "\"value\" is given twice")),
                b"value" => {
                    has_value = true;
                    self.message(message, depth, &place)?;
                }
                _ => self.ignore(at, depth, &place)?,
            }
            more = self.reader.more(b'}')?;
        }
        if has_value {
            return Ok(());
        }
        Err(Fault::new(start, format!("an Any of {} has no \"value\"", message.full_name)))
    }

    /// Steps over the `@type` that was found before; there may be no other.
    pub(super) fn type_member(&mut self, at: usize, seen: &mut bool) -> Outcome {
        if std::mem::replace(seen, true) {
            return Err(Fault::new(at, "\"@type\" is given twice"));
        }
        self.reader.string().map(drop)
    }
}
