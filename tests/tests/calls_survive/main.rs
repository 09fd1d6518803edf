//! Calls that survive: what is repeated and what is not, how far, at whose cost, and what is refused when there is too much.

mod admission;
mod discovery;
mod drills;
mod repeats;
mod stage;
mod tree;
