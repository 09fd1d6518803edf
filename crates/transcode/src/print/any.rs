//! `google.protobuf.Any` as JSON, and the details of an error, which are a list of them.

use super::{Outcome, Printer, Unprintable, known};
use crate::gather::Entries;
use crate::table::Shape;
use crate::{Codec, DEFAULT_DEPTH, DEFAULT_MAX_OUTPUT, PrintOptions, text};

impl Printer<'_> {
    pub(super) fn any(&mut self, wire: &[u8], depth: u32) -> Outcome {
        let (url, value) = known::any_parts(wire)?;
        if url.is_empty() && value.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        self.packed(url, value, depth)
    }

    /// The message behind a type URL, as an object with `@type`.
    fn packed(&mut self, url: &str, value: &[u8], depth: u32) -> Outcome {
        let Some(message) = self.codec.by_type_url(url) else {
            let url = crate::error::excerpt(url.as_bytes());
            return Err(Unprintable::new(format!("an Any holds \"{url}\", which is no known type")));
        };
        let Some(inner) = depth.checked_sub(1) else {
            return Err(Unprintable::new("messages are nested too deeply"));
        };
        self.type_member(url);
        if message.shape == Shape::Plain {
            self.members(message, value, inner, false).map_err(|error| error.within(message))?;
        } else {
            self.out.extend_from_slice(b",\"value\":");
            self.message(message, value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// Appends a JSON array of `google.rpc.Status.details`: each a `google.protobuf.Any` as (type URL, wire bytes).
///
/// Never fails, since it is part of an error's answer: a type this codec does not know, or bytes it cannot read, are
/// printed as `{"@type": URL, "value": BASE64}`.
pub fn any_details_json<'a>(
    codec: &Codec,
    details: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    out: &mut Vec<u8>,
) {
    out.push(b'[');
    let start = out.len();
    for (url, value) in details {
        if out.len() > start {
            out.push(b',');
        }
        let before = out.len();
        let limit = before + DEFAULT_MAX_OUTPUT;
        let mut printer = Printer {
            codec,
            out: &mut *out,
            options: PrintOptions::default(),
            limit,
            entries: Entries::new(),
        };
        let printed = printer.packed(url, value, DEFAULT_DEPTH).and_then(|()| printer.bounded());
        if printed.is_err() {
            printer.out.truncate(before);
            printer.type_member(url);
            out.extend_from_slice(b",\"value\":\"");
            text::bytes::encode(value, out);
            out.extend_from_slice(b"\"}");
        }
    }
    out.push(b']');
}
