//! The pool against real servers on port 0.

mod faults;
mod h1_calls;
mod h2_calls;
mod support;
