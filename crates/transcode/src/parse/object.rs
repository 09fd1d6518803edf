//! A JSON object as a message: members to fields, each at most once.

use super::{Outcome, Parser, Place};
use crate::json::Fault;
use crate::table::Message;
use crate::wire::{self, END_GROUP, LEN, START_GROUP, VARINT};
use smallvec::SmallVec;

/// What one object has set so far: a bit for each field and each oneof.
struct Frame {
    fields: SmallVec<[u64; 4]>,
    oneofs: SmallVec<[u64; 1]>,
    required: usize,
    /// Required fields may still come from elsewhere.
    partial: bool,
}

/// Sets a bit; false when it was set before.
fn set(bits: &mut [u64], index: usize) -> bool {
    let mask = 1 << (index % 64);
    let fresh = bits[index / 64] & mask == 0;
    bits[index / 64] |= mask;
    fresh
}

impl<'c> Parser<'_, 'c> {
    /// The members of a message. Inside an Any, `@type` stands among them.
    pub(super) fn object(
        &mut self,
        message: &'c Message,
        depth: u32,
        place: &Place<'_>,
        in_any: bool,
    ) -> Outcome {
        let start = self.reader.pos;
        self.reader.expect(b'{', "an object")?;
        let mut frame = Frame {
            fields: SmallVec::from_elem(0, message.fields.len().div_ceil(64)),
            oneofs: SmallVec::from_elem(0, message.oneofs.div_ceil(64)),
            required: 0,
            partial: std::mem::take(&mut self.partial),
        };
        let (mut expected, mut has_type) = (0, false);
        let mut more = !self.reader.closes(b'}');
        while more {
            self.reader.peek();
            let key = self.reader.pos;
            let index = self.key(message, expected)?;
            let name = &self.reader.text[key + 1..self.reader.pos - 1];
            let place = place.member(name);
            self.reader.expect(b':', "':'")?;
            let member = match index {
                Some(index) => {
                    expected = index + 1;
                    self.member(message, index, &mut frame, key, depth, &place)
                }
                None if in_any && name == b"@type" => self.type_member(key, &mut has_type),
                None if in_any && is_empty_value(message, name) => self.reader.skip(depth),
                None => self.ignore(key, depth, &place),
            };
            member.map_err(|fault| fault.placed(|| place.path()))?;
            more = self.reader.more(b'}')?;
        }
        if frame.required < message.required && !frame.partial {
            return Err(missing(message, &frame, start).placed(|| place.path()));
        }
        Ok(())
    }

    /// Takes a member's name. Senders mostly write fields in order, so the next one is tried before any look-up.
    #[inline]
    fn key(&mut self, message: &Message, expected: usize) -> Result<Option<usize>, Fault> {
        if let Some(field) = message.fields.get(expected) {
            let start = self.reader.pos + 1;
            let end = start + field.json_name.len();
            if self.reader.text.get(end) == Some(&b'"')
                && self.reader.text[start - 1] == b'"'
                && self.reader.text[start..end] == *field.json_name.as_bytes()
            {
                self.reader.pos = end + 1;
                return Ok(Some(expected));
            }
        }
        let text = self.reader.string()?;
        Ok(message.by_name(self.reader.content(text)))
    }

    fn member(
        &mut self,
        message: &'c Message,
        index: usize,
        frame: &mut Frame,
        key: usize,
        depth: u32,
        place: &Place<'_>,
    ) -> Outcome {
        let field = &message.fields[index];
        if !set(&mut frame.fields, index) {
            return Err(Fault::new(key, "the field is given twice"));
        }
        let is_set = if message.message_set {
            self.set_item(message, index, depth, place)?
        } else {
            self.field(field, depth, place)?
        };
        if !is_set {
            return match field.required && !frame.partial {
                true => Err(Fault::new(key, "the field is required and cannot be null")),
                false => Ok(()),
            };
        }
        frame.required += usize::from(field.required);
        match field.oneof {
            Some(oneof) if !set(&mut frame.oneofs, oneof.into()) => {
                Err(Fault::new(key, "another field of the same oneof is given already"))
            }
            _ => Ok(()),
        }
    }

    /// An item of a MessageSet: a group 1 of type id (2) and message (3).
    fn set_item(
        &mut self,
        message: &'c Message,
        index: usize,
        depth: u32,
        place: &Place<'_>,
    ) -> Result<bool, Fault> {
        let field = &message.fields[index];
        let crate::table::Kind::Message(id) = field.kind else {
            return self.field(field, depth, place);
        };
        if self.reader.peek() == b'n' {
            self.reader.literal("null")?;
            return Ok(false);
        }
        wire::put_tag(self.out, 1, START_GROUP);
        wire::put_tag(self.out, 2, VARINT);
        wire::put_varint(self.out, field.number.into());
        wire::put_tag(self.out, 3, LEN);
        let start = wire::open(self.out);
        self.message(self.codec.table(id), depth, place)?;
        wire::close(self.out, start);
        wire::put_tag(self.out, 1, END_GROUP);
        self.bounded()?;
        Ok(true)
    }
}

/// Some runtimes write an Any of Empty with a `value` of `{}`, as for types with a form of their own; some without.
fn is_empty_value(message: &Message, name: &[u8]) -> bool {
    name == b"value" && &*message.full_name == "google.protobuf.Empty"
}

#[cold]
fn missing(message: &Message, frame: &Frame, offset: usize) -> Fault {
    let absent = message
        .fields
        .iter()
        .enumerate()
        .find(|(index, field)| field.required && frame.fields[index / 64] & 1 << (index % 64) == 0);
    let name = absent.map_or("", |(_, field)| &*field.json_name);
    Fault::new(offset, format!("the required field \"{name}\" is missing"))
}
