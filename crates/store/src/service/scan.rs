//! Scan: pages in order, each ended by bytes and in time, each with the token to go on from.

use super::indexes::Through;
use super::quota::Pace;
use super::{Answers, StoreService, answer, fault, read};
use crate::catalogue::SecretHash;
use crate::engine::{Bound, Engine, Scan, ScanOf};
use crate::metrics::Call;
use crate::name::{CollectionId, RecordKey};
use crate::owner::Owner;
use bytes::Bytes;
use prost::Message;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Bytes of a page that nobody says otherwise of, and the most there may be.
const PAGE: usize = 1 << 20;
const PAGE_MOST: usize = 4 << 20;
/// Items of a page: their keys and frames count as well.
const PAGE_ITEMS: usize = 10_000;
/// Pages that wait to be sent: one on its way and one that is read meanwhile.
const AHEAD: usize = 1;
/// The scan ends with a token so long before the caller's deadline that the last page arrives in time.
const SPARE: Duration = Duration::from_millis(200);

/// Where a scan goes on.
#[derive(Clone, PartialEq, Message)]
struct Resume {
    #[prost(uint32, tag = "1")]
    collection: u32,
    #[prost(bool, tag = "2")]
    reverse: bool,
    /// The last item that was sent.
    #[prost(bytes = "bytes", tag = "3")]
    record: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    key: Bytes,
    /// Items of the limit that were sent.
    #[prost(uint32, tag = "5")]
    sent: u32,
}

impl StoreService {
    pub(super) fn pages(
        &self,
        caller: SecretHash,
        asked: api::ScanRequest,
    ) -> Result<Answers<api::ScanPage>, Status> {
        let known = self.collection(caller, asked.collection.as_ref(), "collection")?;
        let through = Through::of(&known, &asked)?;
        let of = match &through {
            None => ScanOf::Collection(known.id),
            Some(through) => ScanOf::Index { entries: through.rows, collection: known.id },
        };
        let resume = resume(&asked, through.as_ref().map_or(known.id, |through| through.rows))?;
        let scan = first(asked, known.id, of, resume.as_ref())?;
        let deadline = tenet_service::Context::current().and_then(|context| context.remaining());
        let until = deadline.map(|left| Instant::now() + left.saturating_sub(SPARE));
        let run = Run {
            owner: self.owner.clone(),
            ending: self.ending(),
            pace: self.pace(&known),
            collection: known.id,
            through,
            scan: scan.0,
            limit: scan.1,
            sent: scan.2,
            until,
        };
        let (sender, receiver) = mpsc::channel(AHEAD);
        let begins = resume.is_none();
        tokio::spawn(run.send(sender, begins));
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }
}

/// The token of the request, which must be of this scan.
fn resume(asked: &api::ScanRequest, collection: CollectionId) -> Result<Option<Resume>, Status> {
    if asked.resume.is_empty() {
        return Ok(None);
    }
    let bad = |what: &str| fault::invalid("resume", what.into());
    let resume = Resume::decode(&asked.resume[..]).map_err(|_| bad("it is no token of a scan"))?;
    if resume.collection != collection.0 || resume.reverse != asked.reverse {
        return Err(bad("it is the token of another scan"));
    }
    Ok(Some(resume))
}

/// The engine's scan, how many items it may have in all, and how many it had before.
fn first(
    asked: api::ScanRequest,
    collection: CollectionId,
    of: ScanOf,
    resume: Option<&Resume>,
) -> Result<(Scan, u32, u32), Status> {
    let range = asked.range.unwrap_or_default();
    let page = if asked.page_bytes == 0 { PAGE } else { asked.page_bytes as usize };
    if page > PAGE_MOST {
        return Err(fault::invalid("page_bytes", format!("{page} is more than {PAGE_MOST}")));
    }
    let mut scan = if asked.record_id.is_empty() {
        let bound = |record: Bytes| (!record.is_empty()).then(|| Bound { record, key: Bytes::new() });
        Scan {
            of,
            from: bound(range.start.into()),
            to: bound(range.end.into()),
            reverse: false,
            items: 0,
            bytes: 0,
        }
    } else {
        let record = RecordKey { collection, id: asked.record_id.into() };
        read::range_of_record(&record, range.start.into(), range.end.into())
    };
    scan.bytes = page;
    scan.reverse = asked.reverse;
    if let Some(resume) = resume {
        goes_on_after(&mut scan, resume.record.clone(), resume.key.clone());
    }
    Ok((scan, asked.limit, resume.map_or(0, |resume| resume.sent)))
}

/// Leaves out everything up to an item that was sent.
fn goes_on_after(scan: &mut Scan, record: Bytes, key: Bytes) {
    if scan.reverse {
        scan.to = Some(Bound { record, key });
    } else {
        scan.from = Some(Bound { record, key: crate::name::next(&key).into() });
    }
}

/// A scan under way.
struct Run {
    owner: Owner,
    ending: watch::Receiver<bool>,
    pace: Pace,
    collection: CollectionId,
    through: Option<Through>,
    scan: Scan,
    /// 0: no such bound.
    limit: u32,
    sent: u32,
    until: Option<Instant>,
}

impl Run {
    async fn send(mut self, pages: mpsc::Sender<Result<api::ScanPage, Status>>, begins: bool) {
        let mut first = begins;
        let (owner, collection) = (self.owner.clone(), self.collection);
        loop {
            let page = self.page(std::mem::take(&mut first));
            let page = owner.metrics().counted(collection, Call::Scan, page).await;
            let over = page.as_ref().map_or(true, |page| page.next.is_empty());
            if pages.send(page).await.is_err()
                || over
                || self.until.is_some_and(|until| Instant::now() >= until)
                || *self.ending.borrow()
            {
                return;
            }
            // Who has the token may go on with it whenever a page may be read again.
            let until = self.until;
            let over = async { tokio::time::sleep_until(until.unwrap_or_else(Instant::now)).await };
            tokio::select! {
                () = self.pace.wait() => {}
                () = over, if until.is_some() => return,
                () = pages.closed() => return,
                _ = self.ending.wait_for(|ending| *ending) => return,
            }
        }
    }

    async fn page(&mut self, first: bool) -> Result<api::ScanPage, Status> {
        let engine = self.owner.engine();
        // Before the page is read: what changes meanwhile is told to whoever watches from here, and nothing is missed.
        let watch = if first { watch_token(engine.as_ref(), self.collection).await? } else { Vec::new() };
        let left =
            if self.limit == 0 { PAGE_ITEMS } else { (self.limit - self.sent.min(self.limit)) as usize };
        if left == 0 {
            return Ok(api::ScanPage { watch, ..api::ScanPage::default() });
        }
        self.scan.items = left.min(PAGE_ITEMS);
        // Versions never come again: what was so after the page before was so all the time.
        if let Some(through) = self.through.as_mut().filter(|through| through.seen.is_none()) {
            through.look(engine.as_ref()).await?;
        }
        let page = self.owner.scan(self.scan.clone()).await.map_err(fault::owner)?;
        if let Some(through) = &mut self.through {
            through.look(engine.as_ref()).await?;
        }
        self.pace.spend(answer::bytes(&page));
        self.sent = self.sent.saturating_add(page.items.len() as u32);
        let limited = self.limit != 0 && self.sent >= self.limit;
        let next = match page.items.last() {
            Some((last, item)) if page.more && !limited => {
                let (record, key) = match &self.through {
                    None => (last.record.id.clone(), last.key.clone()),
                    Some(through) => through.place(last, item)?,
                };
                goes_on_after(&mut self.scan, record.clone(), key.clone());
                let resume = Resume {
                    collection: self.through.as_ref().map_or(self.collection, |through| through.rows).0,
                    reverse: self.scan.reverse,
                    record,
                    key,
                    sent: self.sent,
                };
                resume.encode_to_vec()
            }
            _ => Vec::new(),
        };
        let items = page.items.iter().map(|(key, item)| api::ScannedItem {
            record_id: key.record.id.to_vec(),
            item: Some(answer::item(&key.key, item)),
        });
        Ok(api::ScanPage { items: items.collect(), next, watch })
    }
}

/// Where a watch begins that is to miss nothing from now on.
async fn watch_token(engine: &dyn Engine, collection: CollectionId) -> Result<Vec<u8>, Status> {
    let end = engine.end_of_changes(collection).await.map_err(|error| fault::engine(&error))?;
    Ok(super::watch::token(collection, end))
}
