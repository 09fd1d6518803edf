//! (stub of call)
