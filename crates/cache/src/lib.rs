//! Caches. So far the near tier: what a process keeps in its own memory, in front of what is authoritative.
//!
//! [`near::Near`] holds values within a bound of bytes and never serves one that a write has overtaken, whatever the threads do.

pub mod near;
