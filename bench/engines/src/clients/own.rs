//! The store's owner on the embedded engine, as a store process has it, without the API before it: SQLite has none either.

use crate::workload::{RECORDS, VALUE_BYTES, Work, key};
use crate::{Candidate, Cell, Outcome};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tenet_store::commit::{Action, Commit, Outcome as Committed, RecordChange, Token, Write};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::{Collection, Engine, MAX_BATCH};
use tenet_store::item::{UnixMs, Value};
use tenet_store::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};
use tenet_store::owner::{Owner, Width};

/// An owner of a loaded folder.
pub struct Own {
    runtime: tokio::runtime::Runtime,
    owner: Owner,
    collection: CollectionId,
}

impl Own {
    /// Makes it in a new folder.
    pub fn load(folder: &Path) -> Outcome<Own> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let loading = async {
            let engine = Embedded::open(folder, EmbeddedOptions::default()).map_err(text)?;
            let name = |name| Name::new(name).map_err(text);
            let name = CollectionName { namespace: name("bench")?, collection: name("records")? };
            let collection =
                engine.declare(Collection { name, retention: Duration::ZERO, layout: 0 }).await.map_err(text)?;
            let numbers: Vec<usize> = (0..RECORDS).collect();
            for batch in numbers.chunks(MAX_BATCH) {
                let commit = |number: &usize| put(collection, None, key(*number), vec![b'a'; VALUE_BYTES]);
                engine.commit(batch.iter().map(commit).collect()).await.map_err(text)?;
            }
            let engine: Arc<dyn Engine> = Arc::new(engine);
            let width = Width::of(&*engine);
            Outcome::Ok((Owner::start(engine, width), collection))
        };
        let (owner, collection) = runtime.block_on(loading)?;
        Ok(Own { runtime, owner, collection })
    }
}

impl Candidate for Own {
    fn title(&self) -> &'static str {
        "the store's owner, embedded engine"
    }

    fn work(&self, cell: &Cell) -> Outcome<Vec<f64>> {
        self.runtime.block_on(async {
            let client = |number: usize| {
                let work = Work::new(cell.zipf.clone(), cell.seed << 16 | number as u64, cell.writes_percent);
                tokio::spawn(client(self.owner.clone(), self.collection, work, cell.phase.clone()))
            };
            let clients: Vec<_> = (0..cell.clients).map(client).collect();
            let mut all = Vec::new();
            for client in clients {
                all.extend(client.await.map_err(text)??);
            }
            Ok(all)
        })
    }
}

async fn client(
    owner: Owner,
    collection: CollectionId,
    mut work: Work,
    phase: Arc<crate::Phase>,
) -> Outcome<Vec<f64>> {
    let mut latencies = Vec::new();
    while phase.goes_on() {
        let step = work.next();
        let began = Instant::now();
        match step.value {
            None => {
                let record = RecordKey { collection, id: step.key.into() };
                let found = owner.read(vec![ItemKey { record, key: Bytes::new() }]).await.map_err(text)?;
                let size = found.first().and_then(Option::as_ref).map(|item| item.value.size());
                if size != Some(VALUE_BYTES as u64) {
                    return Err("a record is not what was written".into());
                }
            }
            Some(value) => {
                let nonce = u128::from_be_bytes(work.nonce());
                let commit = put(collection, Some(Token { time: now(), nonce }), step.key, value);
                match owner.commit(commit).await.map_err(text)? {
                    Committed::Done { .. } => {}
                    Committed::Refused(why) => return Err(format!("a write was refused: {why:?}")),
                }
            }
        }
        phase.keep(&mut latencies, began);
    }
    Ok(latencies)
}

fn put(collection: CollectionId, token: Option<Token>, id: Vec<u8>, value: Vec<u8>) -> Commit {
    let action = Action::Put(Value::Inline(value.into()));
    let writes = vec![Write { key: Bytes::new(), action, ttl: None }];
    let changes = vec![RecordChange { record: id.into(), conditions: Vec::new(), writes }];
    Commit { collection, token, fence: None, typed: None, changes }
}

fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
