//! The name of a release: the SHA-256 of its bundle.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// SHA-256 of a bundle's content; printed and stored as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseHash([u8; 32]);

/// Digits shown to people: enough to tell the releases of one fleet apart, short enough for a table.
const SHORT: usize = 12;

impl ReleaseHash {
    /// The hash of `content`.
    pub fn of(content: &[u8]) -> ReleaseHash {
        ReleaseHash(Sha256::digest(content).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(SHORT);
        text
    }
}

impl fmt::Display for ReleaseHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReleaseHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReleaseHash({})", self.short())
    }
}

impl FromStr for ReleaseHash {
    type Err = String;

    /// Reads exactly 64 hex digits.
    fn from_str(text: &str) -> Result<ReleaseHash, String> {
        let wrong = || format!("found {text:?}, expected 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(ReleaseHash(bytes))
    }
}

impl Serialize for ReleaseHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReleaseHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hash = ReleaseHash::of(b"abc");
        // FIPS 180-4's own example.
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.short(), "ba7816bf8f01");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        // `from_str_radix` alone would take the signs: a file's name must not have two spellings.
        for wrong in ["", "ba78", &"g".repeat(64), &"é".repeat(32), &"+1".repeat(32)] {
            assert!(wrong.parse::<ReleaseHash>().is_err(), "{wrong}");
        }
    }
}
