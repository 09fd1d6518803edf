//! Wire → JSON: each level indexed, then printed in the order of field numbers.

mod any;
mod known;
mod object;
mod scalar;

use crate::gather::Entries;
use crate::table::{Field, Message, Shape};
use crate::wire::Malformed;
use crate::{Codec, DEFAULT_DEPTH, MessageId, PrintOptions, WireError};
pub use any::any_details_json;
pub(crate) use scalar::string;

/// What a print adds to and is bounded by.
pub(crate) struct Printer<'c> {
    codec: &'c Codec,
    out: &'c mut Vec<u8>,
    options: PrintOptions,
    /// The length `out` may reach.
    limit: usize,
    entries: Entries,
}

/// Why a message has no JSON form; the innermost message that was being read, once known. Boxed to keep results small.
#[derive(Debug)]
pub(crate) struct Unprintable(Box<WireError>);

type Outcome = Result<(), Unprintable>;

impl From<Malformed> for Unprintable {
    #[cold]
    fn from(message: Malformed) -> Unprintable {
        Unprintable::new(message)
    }
}

impl Unprintable {
    #[cold]
    fn new(message: impl Into<String>) -> Unprintable {
        Unprintable(Box::new(WireError { message_type: String::new(), message: message.into() }))
    }

    #[cold]
    fn within(mut self, message: &Message) -> Unprintable {
        if self.0.message_type.is_empty() {
            self.0.message_type = message.full_name.to_string();
        }
        self
    }
}

impl Codec {
    /// Appends the ProtoJSON form of a message to `out`. After an error `out` is as long as it was before.
    pub fn wire_to_json(
        &self,
        message: MessageId,
        wire: &[u8],
        options: &PrintOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let message = self.table(message.0);
        run(self, message, options, out, |printer, depth| printer.message(message, wire, depth))
    }

    /// Appends the JSON form of one field of a message: its default when it is not set.
    pub(crate) fn wire_field_to_json(
        &self,
        message: MessageId,
        field: &Field,
        wire: &[u8],
        options: &PrintOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let message = self.table(message.0);
        run(self, message, options, out, |printer, depth| {
            printer.lone_field(message, field, wire, depth).map_err(|error| error.within(message))
        })
    }
}

fn run<'c>(
    codec: &'c Codec,
    message: &Message,
    options: &PrintOptions,
    out: &'c mut Vec<u8>,
    print: impl FnOnce(&mut Printer<'c>, u32) -> Outcome,
) -> Result<(), WireError> {
    let before = out.len();
    let limit = before.saturating_add(options.max_output);
    let mut printer = Printer { codec, out, options: *options, limit, entries: Entries::new() };
    let result = print(&mut printer, options.depth.min(DEFAULT_DEPTH)).and_then(|()| printer.bounded());
    result.map_err(|error| {
        printer.out.truncate(before);
        *error.within(message).0
    })
}

impl<'c> Printer<'c> {
    /// One message in whatever form its type has.
    fn message(&mut self, message: &'c Message, wire: &[u8], depth: u32) -> Outcome {
        // A Value is no level of its own: the list or object in it is, as when it is read.
        let levels = u32::from(message.shape != Shape::Value);
        let Some(depth) = depth.checked_sub(levels) else {
            return Err(Unprintable::new("messages are nested too deeply"));
        };
        let printed = match message.shape {
            Shape::Plain => self.object(message, wire, depth),
            Shape::Any => self.any(wire, depth),
            Shape::Timestamp => self.timestamp(wire),
            Shape::Duration => self.duration(wire),
            Shape::FieldMask => self.field_mask(wire),
            Shape::Struct => self.lone_field(message, &message.fields[0], wire, depth),
            Shape::ListValue => self.lone_field(message, &message.fields[0], wire, depth),
            Shape::Value => self.value(message, wire, depth),
            Shape::Wrapper => self.lone_field(message, &message.fields[0], wire, depth),
        };
        printed.map_err(|error| error.within(message))
    }

    /// The bound on what a response may become.
    #[inline]
    fn bounded(&self) -> Outcome {
        if self.out.len() <= self.limit {
            return Ok(());
        }
        Err(Unprintable::new("its JSON exceeds the limit of its size"))
    }
}
