//! (stub of balance)
