//! (stub of affinity)
