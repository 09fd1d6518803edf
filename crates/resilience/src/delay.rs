//! (stub of delay)
