//! Keys as a program writes them: one value or a tuple of values, in the order of the schema's key fields.

use prost_types::Timestamp;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number of any integer type, or of an enum. Whether it fits is decided by the field it stands for.
    Integer(i128),
    /// True or false.
    Boolean(bool),
    /// A moment: seconds since 1970, and nanoseconds from 0 to 999 999 999 after that.
    Timestamp(i64, u32),
}

/// A key, or the first parts of one. It gets its bytes by the schema of the collection that it is used with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key(pub(super) Vec<Part>);

/// What can be a key: a value, a tuple of up to six, or a [`Key`].
///
/// A collection compares it with its schema when it is used: how many values there are, and of which kinds. Integers of all types
/// are the same kind.
pub trait IntoKey {
    /// The values, in order.
    fn into_key(self) -> Key;
}

/// What can be one value of a key.
pub trait IntoPart {
    /// The value.
    fn into_part(self) -> Part;
}

impl Key {
    /// Its values, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl From<Vec<Part>> for Key {
    fn from(parts: Vec<Part>) -> Key {
        Key(parts)
    }
}

impl IntoKey for Key {
    fn into_key(self) -> Key {
        self
    }
}

impl IntoKey for &Key {
    fn into_key(self) -> Key {
        self.clone()
    }
}

macro_rules! parts {
    ($($kind:ty: |$value:ident| $part:expr;)*) => {$(
        impl IntoPart for $kind {
            fn into_part(self) -> Part {
                let $value = self;
                $part
            }
        }

        impl IntoKey for $kind {
            fn into_key(self) -> Key {
                Key(vec![self.into_part()])
            }
        }
    )*};
}

parts! {
    Part: |part| part;
    &str: |text| Part::Text(text.to_owned());
    String: |text| Part::Text(text);
    &String: |text| Part::Text(text.clone());
    &[u8]: |bytes| Part::Bytes(bytes.to_vec());
    Vec<u8>: |bytes| Part::Bytes(bytes);
    &Vec<u8>: |bytes| Part::Bytes(bytes.clone());
    bytes::Bytes: |bytes| Part::Bytes(bytes.to_vec());
    i32: |number| Part::Integer(number.into());
    i64: |number| Part::Integer(number.into());
    u32: |number| Part::Integer(number.into());
    u64: |number| Part::Integer(number.into());
    bool: |truth| Part::Boolean(truth);
    Timestamp: |time| timestamp(time);
}

/// A timestamp in its one spelling: nanoseconds from 0 to 999 999 999.
fn timestamp(mut time: Timestamp) -> Part {
    time.normalize();
    Part::Timestamp(time.seconds, u32::try_from(time.nanos).unwrap_or(0))
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*))*) => {$(
        impl<$($name: IntoPart),*> IntoKey for ($($name,)*) {
            fn into_key(self) -> Key {
                Key(vec![$(self.$index.into_part()),*])
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_tuples_are_keys() {
        let text = |text: &str| Part::Text(text.into());
        for (found, expected) in [
            ("u7".into_key(), vec![text("u7")]),
            (String::from("u7").into_key(), vec![text("u7")]),
            (("u7",).into_key(), vec![text("u7")]),
            (("u7", 42).into_key(), vec![text("u7"), Part::Integer(42)]),
            (
                (u64::MAX, i64::MIN).into_key(),
                vec![Part::Integer(u64::MAX.into()), Part::Integer(i64::MIN.into())],
            ),
            ((&b"\0"[..], true).into_key(), vec![Part::Bytes(vec![0]), Part::Boolean(true)]),
            (Timestamp { seconds: 1, nanos: -1 }.into_key(), vec![Part::Timestamp(0, 999_999_999)]),
            ((&Key(vec![text("u7")])).into_key(), vec![text("u7")]),
        ] {
            assert_eq!(found, Key(expected));
        }
    }
}
