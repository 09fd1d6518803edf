//! The store's SDK before real instances of the store, over the engine in memory.

mod access;
mod calls;
mod contract;
mod document;
mod environment;
mod failures;
mod indexes;
mod keys;
mod large;
mod lease;
mod stage;
mod streams;
mod update;
