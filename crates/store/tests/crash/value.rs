//! Values that prove themselves: from its first bytes follows every other one, so that half a value or another's end is seen.
//!
//! A value is known by its number. The last digit (of base 8) says how long it is: most are small, some fill pages, the longest are
//! kept in chunks.

use super::dice::Dice;
use bytes::Bytes;
use tenet_store::item::Value;

/// Bytes of a chunk. The store's own are a thousand times longer; nothing depends on it.
const CHUNK: usize = 1024;
/// How often a value may be sent in chunks, each time under another number.
const ATTEMPTS: u64 = 1 << 10;

/// The number of a value of this kind (0 to 7); `count` must differ for all values.
pub fn number(count: u64, kind: u64) -> u64 {
    count * 8 + kind % 8
}

/// Whether it is kept in chunks.
pub fn is_long(number: u64) -> bool {
    number % 8 == 7
}

/// Its bytes.
pub fn bytes(number: u64) -> Vec<u8> {
    let mut dice = Dice::new(number, 1);
    let length = match number % 8 {
        0..=3 => dice.below(40),
        4 | 5 => 200 + dice.below(200),
        6 => 1000 + dice.below(3000),
        _ => 1500 + dice.below(1500),
    };
    let rest = (0..length.div_ceil(8)).flat_map(|_| dice.next().to_le_bytes());
    number.to_be_bytes().into_iter().chain(rest).collect()
}

/// What is stored of it, and the chunks that must be staged before; each attempt has chunks of its own.
pub fn stored(number: u64, attempt: u64) -> (Value, Vec<(u64, u32, Bytes)>) {
    let bytes = Bytes::from(bytes(number));
    if !is_long(number) {
        return (Value::Inline(bytes), Vec::new());
    }
    let blob = number * ATTEMPTS + attempt % ATTEMPTS;
    let value = Value::Chunked { blob, size: bytes.len() as u64 };
    let chunks = bytes.chunks(CHUNK).enumerate();
    (value, chunks.map(|(at, chunk)| (blob, at as u32, bytes.slice_ref(chunk))).collect())
}

/// Whose chunks these are.
pub fn of_blob(blob: u64) -> u64 {
    blob / ATTEMPTS
}

/// The number of a value that is whole.
pub fn read(bytes: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(*bytes.first_chunk()?);
    (bytes == self::bytes(number)).then_some(number)
}
