//! (stub of orca)
