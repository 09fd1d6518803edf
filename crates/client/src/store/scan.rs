//! Scanning: messages in the order of their keys, page by page, going on by itself where a page or a connection has ended.

use super::collection::Place;
use super::range::Wire;
use super::steps::{Step, Steps};
use super::{Collection, Kept, Range, StoreError, StoreErrorKind, time};
use futures_util::Stream;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_collection::Address;
use tenet_resilience::backoff::Backoff;
use tonic::Streaming;

/// Times in a row that a scan is asked for again without having got a page: each is a call, with attempts of its own.
const BREAKS_MAX: u32 = 3;

/// Pauses before it is asked for again.
pub(super) const PAUSE: Backoff = Backoff { base: Duration::from_millis(50), max: Duration::from_secs(5) };

/// Messages in the order of their keys. Dropped before its end it ends the scan at the store.
///
/// A message that cannot be read is an error in its place, and the scan goes on behind it; any other error is its end.
pub struct Scan<T> {
    steps: Steps<Run<T>, Result<Page<T>, StoreError>>,
    ready: VecDeque<Result<Kept<T>, StoreError>>,
    watch: Vec<u8>,
    over: bool,
}

impl<T: prost::Message + Default + 'static> Collection<T> {
    /// The messages of a range, in order. Each page of them is of one moment, later pages may be of later ones. A scan that breaks off
    /// goes on behind the last page that came, without gap or double, until the deadline of the call that is being served.
    ///
    /// Nothing is asked before the first poll.
    pub fn scan(&self, range: impl Into<Range>) -> Scan<T> {
        let range = range.into();
        let wire = range.wire(&self.at.schema);
        self.scan_of(&range, wire, "")
    }

    /// The messages that an index of the schema has in a range of its values, in the order of these.
    pub fn by_index(&self, index: &str, range: impl Into<Range>) -> Scan<T> {
        let range = range.into();
        let wire = range.wire_of_index(&self.at.schema, index);
        self.scan_of(&range, wire, index)
    }

    fn scan_of(&self, range: &Range, wire: Result<Wire, String>, index: &str) -> Scan<T> {
        let (wire, wrong) = match wire {
            Ok(wire) => (wire, None),
            Err(problem) => (Wire::default(), Some(self.at.error(StoreErrorKind::Key { problem }))),
        };
        let over = wrong.is_some();
        let asked = api::ScanRequest {
            collection: Some(self.at.wire.clone()),
            record_id: wire.record_id,
            range: Some(wire.range),
            reverse: range.reverse,
            limit: range.limit,
            resume: Vec::new(),
            page_bytes: range.page_bytes,
            index: index.to_owned(),
        };
        let run = Run { at: self.at.clone(), asked, pages: None, breaks: 0, of: PhantomData };
        Scan {
            steps: Steps::Between(run),
            ready: wrong.map(Err).into_iter().collect(),
            watch: Vec::new(),
            over,
        }
    }
}

impl<T: prost::Message + Default + 'static> Scan<T> {
    /// The next message; `None` after the last.
    ///
    /// # Errors
    /// As of [`Collection::get`]; a range that is none of the collection.
    pub async fn next(&mut self) -> Option<Result<Kept<T>, StoreError>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// All that is left of it. How much that is, the range has to bound.
    ///
    /// # Errors
    /// The first there is.
    pub async fn collect(mut self) -> Result<Vec<Kept<T>>, StoreError> {
        let mut all = Vec::new();
        while let Some(kept) = self.next().await {
            all.push(kept?);
        }
        Ok(all)
    }

    /// What a [`watch`](Collection::watch) begins with so that it misses nothing that this scan does not show. It is there from the
    /// first message, or the end, on.
    pub fn watch_from(&self) -> Option<&[u8]> {
        (!self.watch.is_empty()).then_some(&self.watch)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Kept<T>, StoreError>>> {
        loop {
            if let Some(kept) = self.ready.pop_front() {
                return Poll::Ready(Some(kept));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match ready!(self.steps.poll(cx)) {
                Some(Ok(page)) => {
                    self.over = page.last;
                    self.ready = page.kept.into();
                    if self.watch.is_empty() {
                        self.watch = page.watch;
                    }
                }
                Some(Err(error)) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.over = true,
            }
        }
    }
}

// Nothing in it is pinned but what is boxed.
impl<T> Unpin for Scan<T> {}

impl<T: prost::Message + Default + 'static> Stream for Scan<T> {
    type Item = Result<Kept<T>, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

/// A page, with its messages decoded.
struct Page<T> {
    kept: Vec<Result<Kept<T>, StoreError>>,
    watch: Vec<u8>,
    last: bool,
}

/// A scan under way.
struct Run<T> {
    at: Arc<Place>,
    /// As it is asked for now: behind the last page that came.
    asked: api::ScanRequest,
    pages: Option<Streaming<api::ScanPage>>,
    /// Times in a row that it broke without a page.
    breaks: u32,
    of: PhantomData<fn() -> T>,
}

impl<T: prost::Message + Default + 'static> Step for Run<T> {
    type Given = Result<Page<T>, StoreError>;

    async fn step(mut self) -> (Run<T>, Self::Given) {
        let page = self.page().await;
        (self, page)
    }
}

impl<T: prost::Message + Default> Run<T> {
    async fn page(&mut self) -> Result<Page<T>, StoreError> {
        loop {
            let error = match self.receive().await {
                Ok(Some(page)) => {
                    self.breaks = 0;
                    self.asked.resume.clone_from(&page.next);
                    let last = page.next.is_empty();
                    if last {
                        self.pages = None;
                    }
                    return Ok(Page { kept: self.decode(page.items).await?, watch: page.watch, last });
                }
                // The store ends a scan before its deadline, and says with each page where the next one goes on.
                Ok(None) => None,
                Err(error) if error.may_pass() => Some(error),
                Err(error) => return Err(error),
            };
            self.pages = None;
            self.breaks += 1;
            if self.breaks > BREAKS_MAX {
                return Err(error.unwrap_or_else(|| self.at.error(StoreErrorKind::Unavailable)));
            }
            tokio::time::sleep(PAUSE.pause(self.breaks, rand::random())).await;
        }
    }

    async fn receive(&mut self) -> Result<Option<api::ScanPage>, StoreError> {
        let failed = |status| self.at.failed(status);
        let pages = match &mut self.pages {
            Some(pages) => pages,
            None => {
                let asked = self.at.link.request(self.asked.clone());
                let pages = self.at.link.client().scan(asked).await.map_err(failed)?;
                self.pages.insert(pages.into_inner())
            }
        };
        pages.message().await.map_err(failed)
    }

    async fn decode(
        &self,
        items: Vec<api::ScannedItem>,
    ) -> Result<Vec<Result<Kept<T>, StoreError>>, StoreError> {
        let mut kept = Vec::with_capacity(items.len());
        for scanned in items {
            let Some(item) = scanned.item else { continue };
            let address = Address { record: scanned.record_id, item: item.key.clone() };
            let Some(found) = self.at.whole(&address, item, time::span(None)).await? else { continue };
            kept.extend(self.at.decode(&address, &found).transpose());
        }
        Ok(kept)
    }
}
