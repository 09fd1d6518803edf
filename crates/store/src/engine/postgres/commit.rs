//! A batch of commits as one transaction in two round trips.
//!
//! ```text
//!   ─▶ BEGIN · locks of all records, in order · time, versions, items, tokens      (what is looked at is looked at under the locks)
//!   ◀─
//!        decide
//!   ─▶ items · removals · changes · tokens · COMMIT
//!   ◀─  durable
//! ```
//!
//! Versions are drawn and the transaction gets its id after the locks are held, so both grow with each record's commits, whichever
//! process makes them. Another transaction sees this one's effects once it holds the locks: PostgreSQL makes a transaction visible before it
//! releases its locks, and each statement of READ COMMITTED has a snapshot of its own.

use super::failure::Failure;
use super::locks::{Space, in_order};
use super::rows::{Keys, Values, bytes, collection, column, item, version};
use super::session::Session;
use crate::commit::{Action, Commit, Outcome, Token};
use crate::decide::{Change, Decider, Effects, Needs, needs};
use crate::engine::EngineError;
use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, ItemKey};
use futures_util::future::{join, try_join5};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use tokio_postgres::Row;

/// What is known under the locks.
struct Seen {
    now: UnixMs,
    /// The first of the versions.
    first: i64,
    watched: HashSet<i32>,
    items: Vec<(ItemKey, Item)>,
    tokens: Vec<(Token, Version)>,
    /// Blobs that no item refers to yet.
    loose: HashSet<u64>,
}

/// Carries out commits in one transaction.
pub(super) async fn transaction(
    session: Arc<Session>,
    space: Space,
    commits: &[Commit],
) -> Result<Vec<Outcome>, Failure> {
    let needs = needs(commits);
    let collections: BTreeSet<CollectionId> = commits.iter().map(|commit| commit.collection).collect();
    let seen = look(&session, space, &needs, &collections, &blobs(commits)).await?;
    let mut decider = Decider::new(seen.now, seen.items, seen.tokens);
    let versions = (seen.first.cast_unsigned()..).map(Version);
    let outcomes = commits.iter().zip(versions).map(|(commit, version)| decider.take(commit, version)).collect();
    let mut effects = decider.finish();
    effects.changes.retain(|change| seen.watched.contains(&change.item.record.collection.0.cast_signed()));
    write(&session, seen.now, &effects, &seen.loose).await?;
    Ok(outcomes)
}

/// The first round trip.
async fn look(
    session: &Session,
    space: Space,
    needs: &Needs,
    collections: &BTreeSet<CollectionId>,
    blobs: &[i64],
) -> Result<Seen, Failure> {
    let gates = collections.iter().map(|id| collection(*id)).collect::<Result<Vec<i32>, _>>()?;
    let locks = in_order(needs.records.iter().map(|record| space.record(record)).collect());
    let keys = Keys::of(&needs.items)?;
    let times: Vec<i64> = needs.tokens.iter().map(|token| token.time.0).collect();
    let nonces: Vec<[u8; 16]> = needs.tokens.iter().map(|token| token.nonce.to_be_bytes()).collect();
    let nonces: Vec<&[u8]> = nonces.iter().map(|nonce| &nonce[..]).collect();
    let class = space.gates();
    let (client, s) = (&session.client, &session.statements);
    // Statements go out in the order in which their futures are polled first, which is the order written here.
    let open = async {
        let lock = client.query(&s.lock, &[&class, &gates, &locks]);
        let (began, locked) = join(client.execute(&s.begin, &[]), lock).await;
        began.and(locked)
    };
    let look = client.query_one(&s.look, &[&gates]);
    let items = async {
        match needs.items.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&s.items, &[&keys.collections, &keys.records, &keys.keys]).await,
        }
    };
    let tokens = async {
        match times.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&s.tokens, &[&times, &nonces]).await,
        }
    };
    let loose = async {
        match blobs.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&s.hold_blobs, &[&blobs]).await,
        }
    };
    let (_, seen, items, tokens, loose) =
        session.within(try_join5(open, look, items, tokens, loose)).await?;
    let known: Vec<i32> = column(&seen, 2)?;
    if let Some(missing) = gates.iter().find(|gate| !known.contains(gate)) {
        return Err(Failure::refused(EngineError::NoCollection(CollectionId(missing.cast_unsigned()))));
    }
    let wanted: Vec<&ItemKey> = needs.items.iter().collect();
    Ok(Seen {
        now: UnixMs(column(&seen, 0)?),
        first: column(&seen, 1)?,
        watched: column::<Vec<i32>>(&seen, 3)?.into_iter().collect(),
        items: items.iter().map(|row| found(row, &wanted)).collect::<Result<_, _>>()?,
        tokens: tokens.iter().map(token).collect::<Result<_, _>>()?,
        loose: loose
            .iter()
            .map(|row| Ok(column::<i64>(row, 0)?.cast_unsigned()))
            .collect::<Result<_, Failure>>()?,
    })
}

/// The second round trip.
async fn write(
    session: &Session,
    now: UnixMs,
    effects: &Effects,
    loose: &HashSet<u64>,
) -> Result<(), Failure> {
    let (client, s) = (&session.client, &session.statements);
    let Some(rows) = Rows::of(effects, loose)? else {
        // Nothing was written: it is as good as done, and without an answer it can be done again.
        session.within(client.execute(&s.commit, &[])).await?;
        return Ok(());
    };
    let (put, remove, log, tokens) = (&rows.put, &rows.remove, &rows.log, &rows.tokens);
    let attach = async {
        match rows.attached.is_empty() {
            true => Ok(0),
            false => client.execute(&s.attach, &[&rows.attached]).await,
        }
    };
    let put = async {
        if put.keys.keys.is_empty() {
            return Ok(0);
        }
        let (k, v) = (&put.keys, &put.values);
        client
            .execute(
                &s.put,
                &[&k.collections, &k.records, &k.keys, &v.values, &v.blobs, &v.sizes, &put.versions, &put.updated, &v.expires],
            )
            .await
    };
    let remove = async {
        match remove.keys.is_empty() {
            true => Ok(0),
            false => client.execute(&s.remove, &[&remove.collections, &remove.records, &remove.keys]).await,
        }
    };
    let log = async {
        if log.keys.keys.is_empty() {
            return Ok(0);
        }
        let (k, v) = (&log.keys, &log.values);
        client
            .execute(
                &s.log,
                &[&session.offset, &now.0, &k.collections, &k.records, &k.keys, &log.versions, &log.gone, &v.values, &v.blobs, &v.sizes, &v.expires],
            )
            .await
    };
    let keep = async {
        match tokens.times.is_empty() {
            true => Ok(0),
            false => {
                let nonces: Vec<&[u8]> = tokens.nonces.iter().map(|nonce| &nonce[..]).collect();
                client.execute(&s.keep_tokens, &[&tokens.times, &nonces, &tokens.versions, &now.0]).await
            }
        }
    };
    let warned = session.warned();
    let writes = try_join5(attach, put, remove, log, keep);
    let both = join(writes, client.execute(&s.commit, &[]));
    match tokio::time::timeout(session.patience, both).await {
        Err(_) => Err(Failure::unknown("the server did not answer a COMMIT in time")),
        // The server said no before it came to the COMMIT, which then rolled back.
        Ok((Err(error), _)) if error.as_db_error().is_some() => Err(error.into()),
        Ok((Err(error), _)) | Ok((Ok(_), Err(error))) => Err(Failure::unknown(super::failure::text(&error))),
        // Among the warnings of a COMMIT are that it stopped waiting for a replica, and that there was nothing to commit.
        Ok((Ok(_), Ok(_))) if session.warned() != warned => {
            Err(Failure::unknown("the server warned during a COMMIT"))
        }
        Ok((Ok(_), Ok(_))) => Ok(()),
    }
}

/// What is written, as columns.
#[derive(Default)]
struct Rows<'a> {
    attached: Vec<i64>,
    put: Put<'a>,
    remove: Keys<'a>,
    log: Log<'a>,
    tokens: Tokens,
}

#[derive(Default)]
struct Put<'a> {
    keys: Keys<'a>,
    values: Values<'a>,
    versions: Vec<i64>,
    updated: Vec<i64>,
}

#[derive(Default)]
struct Log<'a> {
    keys: Keys<'a>,
    values: Values<'a>,
    versions: Vec<i64>,
    gone: Vec<bool>,
}

#[derive(Default)]
struct Tokens {
    times: Vec<i64>,
    nonces: Vec<[u8; 16]>,
    versions: Vec<i64>,
}

impl<'a> Rows<'a> {
    /// None: there is nothing to write.
    fn of(effects: &'a Effects, loose: &HashSet<u64>) -> Result<Option<Rows<'a>>, Failure> {
        let mut rows = Rows::default();
        for (key, item) in &effects.items {
            match item {
                Some(item) => rows.put(key, item, loose)?,
                None => rows.remove.push(key)?,
            }
        }
        for change in &effects.changes {
            rows.log(change)?;
        }
        for (token, given) in &effects.tokens {
            rows.tokens.times.push(token.time.0);
            rows.tokens.nonces.push(token.nonce.to_be_bytes());
            rows.tokens.versions.push(version(*given));
        }
        let nothing = effects.items.is_empty() && effects.changes.is_empty() && effects.tokens.is_empty();
        Ok((!nothing).then_some(rows))
    }

    fn put(&mut self, key: &'a ItemKey, item: &'a Item, loose: &HashSet<u64>) -> Result<(), Failure> {
        if let Value::Chunked { blob, .. } = item.value {
            if !loose.contains(&blob) {
                let text = format!("the chunks of value {blob:#x} were never staged, or were given up by now");
                return Err(Failure::refused(EngineError::Broken(text)));
            }
            self.attached.push(blob.cast_signed());
        }
        self.put.keys.push(key)?;
        self.put.values.push(Some(item));
        self.put.versions.push(version(item.version));
        self.put.updated.push(item.updated.0);
        Ok(())
    }

    fn log(&mut self, change: &'a Change) -> Result<(), Failure> {
        self.log.keys.push(&change.item)?;
        self.log.values.push(change.now.as_ref());
        self.log.versions.push(version(change.version));
        self.log.gone.push(change.now.is_none());
        Ok(())
    }
}

/// Blobs that the commits would attach.
fn blobs(commits: &[Commit]) -> Vec<i64> {
    let writes = commits.iter().flat_map(|commit| &commit.changes).flat_map(|change| &change.writes);
    writes
        .filter_map(|write| match write.action {
            Action::Put(Value::Chunked { blob, .. }) => Some(blob.cast_signed()),
            _ => None,
        })
        .collect()
}

/// An item that was wanted.
fn found(row: &Row, wanted: &[&ItemKey]) -> Result<(ItemKey, Item), Failure> {
    let place: i64 = column(row, 0)?;
    let key = usize::try_from(place - 1).ok().and_then(|place| wanted.get(place)).ok_or_else(|| {
        Failure::refused(EngineError::Broken(format!("the server numbers an item {place}, there is none")))
    })?;
    Ok(((*key).clone(), item(row, 2)?))
}

fn token(row: &Row) -> Result<(Token, Version), Failure> {
    let nonce = <[u8; 16]>::try_from(&bytes(row, 1)?[..]).map_err(|_| {
        let (place, what) = ("the table token".into(), "a nonce is not of 16 bytes".into());
        Failure::refused(EngineError::Corrupt { place, what })
    })?;
    let token = Token { time: UnixMs(column(row, 0)?), nonce: u128::from_be_bytes(nonce) };
    Ok((token, Version(column::<i64>(row, 2)?.cast_unsigned())))
}
