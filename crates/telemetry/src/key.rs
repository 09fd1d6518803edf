//! What one request is filed under, and what is measured of it.

use tenet_error::Code;

/// The labels of a request, as indices into the [`crate::Names`] of the program it ran under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Index into [`crate::Names::endpoints`]; 0 is `(none)`, for what never reached a route.
    pub endpoint: u32,
    /// How the request ended.
    pub code: Code,
    /// Index into [`crate::Names::consumers`]; 0 is nobody known.
    pub consumer: u32,
    /// Index into [`crate::Names::versions`]; 0 is none.
    pub version: u32,
    /// Zone of the instance that served, as index into [`crate::Names::zones`]; 0 is none.
    pub zone: u16,
}

impl Key {
    /// What ended before it had an endpoint.
    pub const fn unrouted(code: Code) -> Key {
        Key { endpoint: 0, code, consumer: 0, version: 0, zone: 0 }
    }

    /// All labels in one word, so that comparing keys is one comparison. 120 bits are used; see [`Key::unpack`].
    #[inline]
    pub(crate) fn pack(self) -> u128 {
        u128::from(self.endpoint)
            | u128::from(self.consumer) << 32
            | u128::from(self.version) << 64
            | u128::from(self.zone) << 96
            | (self.code as u128) << 112
    }

    /// The inverse of [`Key::pack`].
    #[inline]
    pub(crate) fn unpack(packed: u128) -> Key {
        Key {
            endpoint: packed as u32,
            consumer: (packed >> 32) as u32,
            version: (packed >> 64) as u32,
            zone: (packed >> 96) as u16,
            code: Code::from_index((packed >> 112) as usize).unwrap_or(Code::Internal),
        }
    }
}

/// One ended request.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What it is filed under.
    pub key: Key,
    /// From the end of its head to the last byte of its answer, in nanoseconds.
    pub latency_ns: u64,
    /// Bytes of its body.
    pub request_bytes: u64,
    /// Bytes of the body of its answer.
    pub response_bytes: u64,
    /// Attempts at instances that it caused in this process: usually 1, 0 when it never left.
    pub attempts: u32,
    /// Whether one of them was a hedge: sent because the one before was slow.
    pub hedged: bool,
    /// Whether the hedge's answer was the one passed on.
    pub hedge_won: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_label() {
        for entry in Code::all() {
            let key = Key { endpoint: 7, code: entry.code, consumer: u32::MAX, version: 9, zone: u16::MAX };
            assert_eq!(Key::unpack(key.pack()), key);
        }
    }
}
