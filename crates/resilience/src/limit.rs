//! (stub of limit)
