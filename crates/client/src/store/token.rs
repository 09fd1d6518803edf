//! The token of a write: sent a second time, the write changes nothing and gets the first answer.

use std::time::SystemTime;
use tenet_api::store::v1 as api;

/// A new token. The request that carries it is held by the client and sent with it again, so it is made once for each write.
pub(super) fn new() -> api::WriteToken {
    let nonce: [u8; 16] = rand::random();
    api::WriteToken { time_unix_ms: now_unix_ms(), nonce: nonce.to_vec() }
}

/// Milliseconds since 1970 by this machine's clock; 0 before.
pub(super) fn now_unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
