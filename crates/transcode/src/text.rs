//! The text forms of values that JSON and parameters share: instants, spans, masks, bytes and floats.

pub(crate) mod bytes;
pub(crate) mod duration;
pub(crate) mod float;
pub mod instant;
pub(crate) mod mask;
pub(crate) mod timestamp;

/// Nanoseconds of a fraction written after a point: one to nine digits. Gives them and how many bytes they took.
fn fraction(text: &[u8]) -> Option<(i32, usize)> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 9 {
        return None;
    }
    let value = text[..digits].iter().fold(0i32, |value, byte| value * 10 + i32::from(byte - b'0'));
    Some((value * 10i32.pow(9 - digits as u32), digits))
}

/// Appends a fraction of a second as protobuf prints it: nothing, or a point and 3, 6 or 9 digits.
fn put_fraction(nanos: u32, out: &mut Vec<u8>) {
    let (digits, value) = match nanos {
        0 => return,
        _ if nanos.is_multiple_of(1_000_000) => (3, nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => (6, nanos / 1_000),
        _ => (9, nanos),
    };
    out.push(b'.');
    put_padded(value, digits, out);
}

/// Appends a number with leading zeros.
fn put_padded(value: u32, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        out.push(b'0' + (value / 10u32.pow(place) % 10) as u8);
    }
}
