//! What a service is known by.

use sha2::{Digest, Sha256};
use std::fmt;

/// What a secret is known by: nobody who reads the store's memory or configuration can act as a service.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of a secret as it is sent.
    pub fn of(secret: &[u8]) -> SecretHash {
        SecretHash(Sha256::digest(secret).into())
    }

    /// From its 64 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<SecretHash> {
        let bytes = hex.as_bytes();
        let mut hash = [0; 32];
        if bytes.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(bytes.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(SecretHash(hash))
    }
}

impl fmt::Display for SecretHash {
    /// Its 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
