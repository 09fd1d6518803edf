//! (stub of allowance)
