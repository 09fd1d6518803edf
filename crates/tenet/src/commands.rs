//! Commands that read a project, print something and end.

pub mod check;
pub mod docs;
pub mod errors;
pub mod explain;
pub mod pull;
pub mod store;
