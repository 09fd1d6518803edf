//! Indexes that come back, on PostgreSQL: as on every engine.

use super::*;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_comes_back_has_fresh_rows() {
    let Some(server) = shared("an_index_that_comes_back_has_fresh_rows") else { return };
    comes_back::has_fresh_rows(Arc::new(open(server, "comes_back").await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_follows_the_rows_of_an_index() {
    let Some(server) = shared("another_process_follows_the_rows_of_an_index") else { return };
    comes_back::is_followed(Arc::new(open(server, "followed").await)).await;
}
