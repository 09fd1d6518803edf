//! By what two definitions of an index are told apart: entries that were written by one are of no use to the other.

use super::Index;
use crate::Kind;

/// FNV-1a of 64 bits (draft-eastlake-fnv): the number is stored, so it must be the same in every build.
const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;
/// Changes where the bytes of keys or entries do.
const FORMAT: u8 = 1;

impl Index {
    /// A number that is another one where the entries of the index are others: with other fields, in another order, or unique or not. The
    /// names of fields do not count, and neither does the width of an integer, as they change no byte of a key.
    pub fn fingerprint(&self) -> u64 {
        let mut bytes = vec![FORMAT, u8::from(self.unique)];
        for field in &self.fields {
            bytes.extend(field.number.to_be_bytes());
            bytes.push(match field.kind {
                Kind::Text | Kind::Bytes => 1,
                Kind::Signed | Kind::Unsigned => 2,
                Kind::Boolean => 3,
                Kind::Timestamp => 4,
            });
        }
        bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
    }
}
