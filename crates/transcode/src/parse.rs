//! JSON → wire: one pass over the text, fields written as they are met.

mod any;
mod known;
mod map;
mod object;
mod place;
mod scalar;

use crate::json::{Fault, Reader};
use crate::table::{Field, Kind, Message, Repeat, Shape};
use crate::wire::{self, END_GROUP, LEN, START_GROUP};
use crate::{Codec, DEFAULT_DEPTH, JsonError, MessageId, ParseOptions, Unknowns};
pub(crate) use place::Place;
pub(crate) use scalar::{integer_bits, put as put_bits, refusal};

/// What a parse adds to and is bounded by.
pub(crate) struct Parser<'a, 'c> {
    codec: &'c Codec,
    reader: Reader<'a>,
    out: &'c mut Vec<u8>,
    unknown: &'c mut Unknowns,
    strict: bool,
    /// The length `out` may reach.
    limit: usize,
    /// The outermost message may lack required fields: the caller adds them from elsewhere.
    partial: bool,
    /// Bytes that may still be looked through for the `@type` of an Any before they are read.
    look_ahead: usize,
}

/// How often the text may be looked through, in all, for an `@type` that does not come first.
const LOOK_AHEADS: usize = 8;

type Outcome = Result<(), Fault>;

/// What a value turned out to be: an unknown enum name is ignored together with the record it would have been in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Yes,
    Ignored,
}

impl Codec {
    /// Reads the ProtoJSON form of `message` and appends its wire bytes to `out`.
    ///
    /// Fields the message does not have are ignored and named in `unknown`, or refused when `options.strict`.
    /// After an error `out` is as long as it was before.
    pub fn json_to_wire(
        &self,
        message: MessageId,
        json: &[u8],
        options: &ParseOptions,
        out: &mut Vec<u8>,
        unknown: &mut Unknowns,
    ) -> Result<(), JsonError> {
        run(self, json, options, out, unknown, false, |parser, depth| {
            parser.message(self.table(message.0), depth, &Place::ROOT)
        })
    }

    /// As [`Codec::json_to_wire`], for a message whose required fields may still come from elsewhere.
    pub(crate) fn partial_json_to_wire(
        &self,
        message: MessageId,
        json: &[u8],
        options: &ParseOptions,
        out: &mut Vec<u8>,
        unknown: &mut Unknowns,
    ) -> Result<(), JsonError> {
        run(self, json, options, out, unknown, true, |parser, depth| {
            parser.message(self.table(message.0), depth, &Place::ROOT)
        })
    }

    /// Reads the JSON form of one field's value and appends it as a record of that field.
    pub(crate) fn json_field_to_wire(
        &self,
        field: &Field,
        json: &[u8],
        options: &ParseOptions,
        out: &mut Vec<u8>,
        unknown: &mut Unknowns,
    ) -> Result<(), JsonError> {
        run(self, json, options, out, unknown, false, |parser, depth| {
            let place = Place::ROOT.member(field.json_name.as_bytes());
            parser.field(field, depth, &place).map(drop).map_err(|fault| fault.placed(|| place.path()))
        })
    }
}

fn run<'c>(
    codec: &'c Codec,
    json: &[u8],
    options: &ParseOptions,
    out: &'c mut Vec<u8>,
    unknown: &'c mut Unknowns,
    partial: bool,
    read: impl FnOnce(&mut Parser<'_, 'c>, u32) -> Outcome,
) -> Result<(), JsonError> {
    let before = out.len();
    let reader = Reader::new(json).map_err(Fault::into_error)?;
    let limit = before.saturating_add(options.max_output);
    let look_ahead = json.len().saturating_mul(LOOK_AHEADS);
    let mut parser =
        Parser { codec, reader, out, unknown, strict: options.strict, limit, partial, look_ahead };
    let result = read(&mut parser, options.depth.min(DEFAULT_DEPTH))
        .and_then(|()| parser.reader.end())
        .and_then(|()| parser.bounded());
    result.map_err(|fault| {
        parser.out.truncate(before);
        fault.into_error()
    })
}

impl<'c> Parser<'_, 'c> {
    /// One message value in whatever form its type has. Its bytes are appended without tag or length.
    fn message(&mut self, message: &'c Message, depth: u32, place: &Place<'_>) -> Outcome {
        let inside = depth.checked_sub(1);
        let inside = inside.ok_or_else(|| Fault::new(self.reader.pos, "messages are nested too deeply"))?;
        match message.shape {
            Shape::Plain => self.object(message, inside, place, false),
            Shape::Any => self.any(inside, place),
            Shape::Timestamp => self.timestamp(),
            Shape::Duration => self.duration(),
            Shape::FieldMask => self.field_mask(),
            Shape::Struct => self.structure(depth, place),
            Shape::Value => self.value(depth, place),
            Shape::ListValue => self.values(depth, place),
            Shape::Wrapper => self.wrapper(message),
        }
    }

    /// The value of a field, as records of it. False when it was null: then the field is not set.
    fn field(&mut self, field: &'c Field, depth: u32, place: &Place<'_>) -> Result<bool, Fault> {
        if self.reader.peek() == b'n' && !(field.takes_null && field.repeat == Repeat::Single) {
            self.reader.literal("null")?;
            return Ok(false);
        }
        match field.repeat {
            Repeat::Single => {
                self.single(field, field.presence, depth, place)?;
            }
            Repeat::List => self.list(field, depth, place)?,
            Repeat::Map => self.map(field, depth, place)?,
        }
        self.bounded()?;
        Ok(true)
    }

    /// One value as one record. A default is not written unless `always`.
    fn single(
        &mut self,
        field: &'c Field,
        always: bool,
        depth: u32,
        place: &Place<'_>,
    ) -> Result<Written, Fault> {
        match field.kind {
            Kind::Message(id) if field.delimited => {
                wire::put_tag(self.out, field.number, START_GROUP);
                self.message(self.codec.table(id), depth, place)?;
                wire::put_tag(self.out, field.number, END_GROUP);
            }
            Kind::Message(id) => {
                wire::put_tag(self.out, field.number, LEN);
                let start = wire::open(self.out);
                self.message(self.codec.table(id), depth, place)?;
                wire::close(self.out, start);
            }
            Kind::String => {
                let text = self.reader.string()?;
                let content = self.reader.content(text);
                if always || !content.is_empty() {
                    wire::put_bytes(self.out, field.number, content);
                }
            }
            Kind::Bytes => {
                let before = self.out.len();
                wire::put_tag(self.out, field.number, LEN);
                let start = wire::open(self.out);
                self.bytes()?;
                if self.out.len() == start && !always {
                    self.out.truncate(before);
                } else {
                    wire::close(self.out, start);
                }
            }
            kind => {
                let Some(bits) = self.bits(kind, place)? else { return Ok(Written::Ignored) };
                if always || bits != 0 {
                    wire::put_tag(self.out, field.number, kind.wire_type());
                    scalar::put(kind, bits, self.out);
                }
            }
        }
        Ok(Written::Yes)
    }

    fn list(&mut self, field: &'c Field, depth: u32, place: &Place<'_>) -> Outcome {
        self.reader.expect(b'[', "a list")?;
        if self.reader.closes(b']') {
            return Ok(());
        }
        let packed = field.packed.then(|| {
            wire::put_tag(self.out, field.number, LEN);
            wire::open(self.out)
        });
        for index in 0.. {
            let place = place.index(index);
            self.element(field, packed.is_some(), depth, &place)
                .and_then(|()| self.bounded())
                .map_err(|fault| fault.placed(|| place.path()))?;
            if !self.reader.more(b']')? {
                break;
            }
        }
        if let Some(start) = packed {
            wire::close(self.out, start);
        }
        Ok(())
    }

    fn element(&mut self, field: &'c Field, packed: bool, depth: u32, place: &Place<'_>) -> Outcome {
        if self.reader.peek() == b'n' && !field.takes_null {
            return Err(self.reader.unexpected(field.kind.word()));
        }
        if !packed {
            return self.single(field, true, depth, place).map(drop);
        }
        if let Some(bits) = self.bits(field.kind, place)? {
            scalar::put(field.kind, bits, self.out);
        }
        Ok(())
    }

    /// The bound on what a request may become.
    #[inline]
    fn bounded(&self) -> Outcome {
        if self.out.len() <= self.limit {
            return Ok(());
        }
        Err(Fault::new(self.reader.pos, "the message exceeds the limit of its size"))
    }

    /// Something the contract does not have: refused, or stepped over and counted.
    #[cold]
    fn ignore(&mut self, offset: usize, depth: u32, place: &Place<'_>) -> Outcome {
        if self.strict {
            let fault = Fault::new(offset, "the message has no such field").unknown_field();
            return Err(fault.placed(|| place.path()));
        }
        self.unknown.add(|| place.path());
        self.reader.skip(depth)
    }
}
