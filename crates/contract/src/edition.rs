//! Editions: files that say `edition = "2023"` instead of a syntax.
//!
//! The compiler and the descriptors underneath know proto2 and proto3 only. So an editions file is lowered to proto3 with
//! its resolved features written out field by field: explicit presence becomes `optional`, expanded encoding
//! `packed = false`, delimited encoding a group, legacy-required a `required` label. That keeps every byte on the wire
//! and every JSON form. Closed enums need proto2, so a file has only closed ones, or only open ones.

mod features;
mod lower;
mod source;

pub(crate) use lower::{lower, with_number};
pub(crate) use source::{Edition, declaration};

#[cfg(test)]
mod tests;
