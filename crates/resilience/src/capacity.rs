//! (stub of capacity)
