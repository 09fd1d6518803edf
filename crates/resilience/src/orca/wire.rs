//! As much of the protobuf encoding as a load report needs: doubles are read, everything else is skipped.

/// One field: its number, and its value where that is a fixed 64-bit one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) double: Option<f64>,
}

/// The fields of a message; `None` for what is no field, and then nothing more.
pub(super) struct Fields<'a> {
    left: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { left: message }
    }

    fn field(&mut self) -> Option<Field> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
        let mut double = None;
        match tag & 7 {
            0 => _ = self.varint()?,
            1 => double = Some(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = self.varint()?;
                self.take(usize::try_from(length).ok()?)?;
            }
            5 => _ = self.take(4)?,
            // 3 and 4 are groups, which proto3 does not have; 6 and 7 are nothing.
            _ => return None,
        }
        Some(Field { number, double })
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(count)?;
        self.left = left;
        Some(taken)
    }

    /// At most ten bytes of seven bits, the last of which holds one.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Iterator for Fields<'_> {
    type Item = Option<Field>;

    fn next(&mut self) -> Option<Option<Field>> {
        if self.left.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.left = &[];
        }
        Some(field)
    }
}

/// Appends a double; `number` is below 16, so that its tag is one byte.
pub(super) fn put_double(bytes: &mut Vec<u8>, number: u32, value: f64) {
    bytes.push((number << 3 | 1) as u8);
    bytes.extend_from_slice(&value.to_le_bytes());
}
