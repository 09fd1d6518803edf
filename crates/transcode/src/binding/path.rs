//! A field path (`user.address.city`) resolved to the fields it passes.

use crate::table::{Field, Kind, Repeat, Shape};
use crate::{Codec, MessageId};
use smallvec::SmallVec;

/// The fields from the request message down: each a message table and an index into its fields. Never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldPath(SmallVec<[(u32, u32); 4]>);

pub(super) enum Found {
    Path(FieldPath),
    /// No such field.
    Nothing,
    /// There is such a field, but it cannot be set this way; why.
    Refused(&'static str),
}

/// Resolves JSON or original names, at most `depth` of them.
pub(super) fn resolve(codec: &Codec, root: MessageId, name: &str, depth: u32) -> Found {
    let mut path = FieldPath::default();
    let mut message = root.0;
    let mut steps = name.split('.').peekable();
    while let Some(step) = steps.next() {
        if path.0.len() as u32 >= depth {
            return Found::Refused("it is nested too deeply");
        }
        let table = codec.table(message);
        let Some(index) = table.by_name(step.as_bytes()) else { return Found::Nothing };
        path.0.push((message, index as u32));
        if steps.peek().is_none() {
            return Found::Path(path);
        }
        let field = &table.fields[index];
        message = match (field.repeat, field.kind) {
            (Repeat::Single, Kind::Message(id)) if codec.table(id).shape == Shape::Plain => id,
            (Repeat::List, Kind::Message(_)) => return Found::Refused("it passes through a list"),
            _ => return Found::Nothing,
        };
    }
    Found::Nothing
}

impl FieldPath {
    /// The fields on the way, outermost first.
    pub fn fields<'c>(&self, codec: &'c Codec) -> impl Iterator<Item = &'c Field> {
        self.0.iter().map(|&(message, index)| &codec.table(message).fields[index as usize])
    }

    /// The field that is set. A path is never empty; if it were, this would name the codec's first field.
    pub fn leaf<'c>(&self, codec: &'c Codec) -> &'c Field {
        let (message, index) = self.0.last().copied().unwrap_or_default();
        &codec.table(message).fields[index as usize]
    }

    /// Whether this path is `other` or leads to it.
    pub fn leads_to(&self, other: &FieldPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The index of the top-level field.
    pub fn top(&self) -> usize {
        self.0.first().map_or(0, |&(_, index)| index as usize)
    }

    /// A number for each step that is the same for the same fields: to find what is given twice.
    pub fn marks(&self) -> impl Iterator<Item = u64> {
        self.0.iter().scan(0xcbf2_9ce4_8422_2325u64, |mark, &(_, index)| {
            *mark = (*mark ^ u64::from(index + 1)).wrapping_mul(0x0000_0100_0000_01b3);
            Some(*mark)
        })
    }
}
