//! Scans by an index: ranges, pages, tokens.

use crate::contract::{BY_COLOUR, BY_SIZE, Shirt, shirt};
use crate::stage::{Stage, by, collection, shirt_of};
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tenet_collection::{KeyBuilder, prefix_end};
use tenet_store::engine::memory::Memory;
use tonic::Code;

async fn stage() -> Stage {
    let stage = Stage::new(Arc::new(Memory::new()), Some(&[BY_COLOUR, BY_SIZE])).await;
    for n in 0..30i64 {
        let colour = ["blue", "green", "red"][n as usize % 3];
        stage.put(&shirt(&format!("{n:02}"), colour, 15 - n)).await.unwrap();
    }
    stage
}

fn ids(shirts: &[Shirt]) -> Vec<&str> {
    shirts.iter().map(|shirt| shirt.id.as_str()).collect()
}

#[tokio::test]
async fn an_index_is_read_in_the_order_of_its_values() {
    let stage = stage().await;
    let colour = |text: &str| KeyBuilder::new().text(text).finish();
    let green = api::KeyRange { start: colour("green"), end: prefix_end(&colour("green")) };
    let asked = api::ScanRequest { range: Some(green), ..by("by-colour") };
    let found = stage.scan(asked.clone()).await.unwrap();
    let expected: Vec<String> = (0..10).map(|n| format!("{:02}", 3 * n + 1)).collect();
    assert_eq!(ids(&found), expected);
    let mut back = stage.scan(api::ScanRequest { reverse: true, ..asked.clone() }).await.unwrap();
    back.reverse();
    assert_eq!(ids(&back), expected);
    let few = stage.scan(api::ScanRequest { limit: 3, ..asked }).await.unwrap();
    assert_eq!(ids(&few), expected[..3]);
    let size = |n: i64| KeyBuilder::new().signed(n).finish();
    let range = Some(api::KeyRange { start: size(-2), end: size(2) });
    let found = stage.scan(api::ScanRequest { range, ..by("by-size") }).await.unwrap();
    assert_eq!(ids(&found), ["17", "16", "15", "14"]);
    assert_eq!(stage.scan(by("by-size")).await.unwrap().len(), 30);
}

#[tokio::test]
async fn every_page_says_where_it_goes_on() {
    let stage = stage().await;
    for index in ["by-colour", "by-size"] {
        for (reverse, page_bytes) in [(false, 1), (true, 1), (false, 60), (true, 60)] {
            let asked = api::ScanRequest { reverse, page_bytes, ..by(index) };
            let whole = stage.scan(api::ScanRequest { reverse, ..by(index) }).await.unwrap();
            let mut found = Vec::new();
            let mut resume = Vec::new();
            // A call for each page: the token is all that goes on.
            loop {
                let pages = stage.pages(api::ScanRequest { resume, ..asked.clone() }).await.unwrap();
                let first = &pages[0];
                assert!(first.items.len() <= 4, "{} items of a page of {page_bytes}", first.items.len());
                found.extend(first.items.iter().map(shirt_of));
                resume = first.next.clone();
                if resume.is_empty() {
                    break;
                }
            }
            assert_eq!(found, whole, "{index}, reverse: {reverse}, {page_bytes} bytes");
        }
    }
}

#[tokio::test]
async fn what_is_no_scan_of_an_index_is_refused() {
    let stage = stage().await;
    let some =
        stage.pages(api::ScanRequest { page_bytes: 1, ..by("by-size") }).await.unwrap()[0].next.clone();
    let plain = api::ScanRequest { collection: collection(), ..Default::default() };
    for (asked, says) in [
        (by("by-shape"), "it has by-colour, by-size"),
        (api::ScanRequest { record_id: b"a".to_vec(), ..by("by-size") }, "an index is of all records"),
        (api::ScanRequest { resume: some.clone(), ..by("by-colour") }, "the token of another scan"),
        (api::ScanRequest { resume: some, ..plain }, "the token of another scan"),
    ] {
        let error = stage.pages(asked).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        let text = String::from_utf8_lossy(error.details()).into_owned();
        assert!(text.contains(says), "{text}");
    }
}
