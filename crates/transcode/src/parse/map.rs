//! A JSON object as a map: each member an entry message of key (1) and value (2).

use super::{Outcome, Parser, Place, Written, scalar};
use crate::json::{Fault, Text, number};
use crate::table::{Field, Kind};
use crate::wire::{self, LEN};
use smallvec::SmallVec;

/// The keys met so far, to refuse one that comes twice.
///
/// A key is remembered as a 64-bit hash of its wire form. Two different keys of one hash would be taken for one; by
/// chance that happens once in 10^13 maps of a thousand keys, by design it only harms the request of who designs it.
#[derive(Default)]
pub(super) struct Keys(SmallVec<[u64; 16]>);

impl Keys {
    pub fn add(&mut self, key: &[u8]) {
        let hash = key.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        self.0.push(hash);
    }

    pub fn repeat(mut self) -> bool {
        self.0.sort_unstable();
        self.0.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl<'c> Parser<'_, 'c> {
    pub(super) fn map(&mut self, field: &'c Field, depth: u32, place: &Place<'_>) -> Outcome {
        let Kind::Message(entry) = field.kind else {
            return Err(Fault::new(self.reader.pos, "a map without an entry type"));
        };
        let [key, value] = &*self.codec.table(entry).fields else {
            return Err(Fault::new(self.reader.pos, "a map entry without key and value"));
        };
        let mut keys = Keys::default();
        let start = self.reader.pos;
        self.reader.expect(b'{', "an object")?;
        let mut more = !self.reader.closes(b'}');
        while more {
            self.reader.peek();
            let at = self.reader.pos;
            let text = self.reader.string()?;
            let place = place.member(&self.reader.text[at + 1..self.reader.pos - 1]);
            self.entry(field, key, value, &mut keys, text, depth, &place)
                .and_then(|()| self.bounded())
                .map_err(|fault| fault.placed(|| place.path()))?;
            more = self.reader.more(b'}')?;
        }
        if keys.repeat() {
            return Err(Fault::new(start, "a key of the map is given twice"));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the parts of one entry
    fn entry(
        &mut self,
        field: &Field,
        key: &'c Field,
        value: &'c Field,
        keys: &mut Keys,
        text: Text,
        depth: u32,
        place: &Place<'_>,
    ) -> Outcome {
        let before = self.out.len();
        wire::put_tag(self.out, field.number, LEN);
        let start = wire::open(self.out);
        self.map_key(key, text)?;
        keys.add(&self.out[start..]);
        self.reader.expect(b':', "':'")?;
        if self.reader.peek() == b'n' && !value.takes_null {
            return Err(self.reader.unexpected(value.kind.word()));
        }
        match self.single(value, true, depth, place)? {
            Written::Yes => wire::close(self.out, start),
            Written::Ignored => self.out.truncate(before),
        }
        Ok(())
    }

    /// The key, always a string in JSON, as a record of its own kind.
    fn map_key(&mut self, key: &Field, text: Text) -> Outcome {
        let content = self.reader.content(text);
        let bits = match key.kind {
            Kind::String => {
                wire::put_bytes(self.out, key.number, content);
                return Ok(());
            }
            Kind::Bool => match content {
                b"true" => Some(1),
                b"false" => Some(0),
                _ => None,
            },
            kind => number::integer(content).and_then(|integer| scalar::integer_bits(kind, integer)).ok(),
        };
        let Some(bits) = bits else {
            let message = format!("expected a map key that is a {}, found another string", key.kind.word());
            return Err(Fault::new(self.reader.pos, message));
        };
        wire::put_tag(self.out, key.number, key.kind.wire_type());
        scalar::put(key.kind, bits, self.out);
        Ok(())
    }
}
