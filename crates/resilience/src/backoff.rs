//! (stub of backoff)
