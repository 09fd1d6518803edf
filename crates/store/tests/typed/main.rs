//! Typed collections through the store's contract: what is refused, what indexes have, and how they come and go.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod comes_and_goes;
mod comes_back;
mod contract;
mod filling;
mod scans;
mod stage;
mod writes;

use std::sync::Arc;
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;

#[tokio::test]
async fn an_index_that_comes_back_has_fresh_rows() {
    comes_back::has_fresh_rows(Arc::new(Memory::new())).await;
    let folder = tempfile::tempdir().unwrap();
    let engine = Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap();
    comes_back::has_fresh_rows(Arc::new(engine)).await;
}

#[tokio::test]
async fn another_process_follows_the_rows_of_an_index() {
    comes_back::is_followed(Arc::new(Memory::new())).await;
}
