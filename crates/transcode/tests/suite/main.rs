//! The codec and its bindings from outside: tables of rows, comparison with another implementation, conformance.

mod binding;
mod codec;
mod conformance;
mod differential;
mod editions;
mod locate;
mod print;
mod read;
