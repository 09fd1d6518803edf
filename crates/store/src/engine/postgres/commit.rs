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

use super::effects::Rows;
use super::failure::{Failure, text};
use super::locks::{Space, in_order};
use super::rows::{Keys, collection, column, item, token};
use super::session::Work;
use crate::commit::{Action, Commit, Outcome, Token};
use crate::decide::{Decider, Effects, Needs, needs};
use crate::engine::EngineError;
use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, ItemKey};
use futures_util::future::{join, try_join, try_join5};
use std::collections::{BTreeSet, HashSet};
use std::future::Future;
use tokio_postgres::{Error, Row};

/// What is known under the locks.
struct Seen {
    now: UnixMs,
    /// The first of the versions.
    first: i64,
    watched: HashSet<i32>,
    layouts: Vec<(CollectionId, u64)>,
    items: Vec<(ItemKey, Item)>,
    tokens: Vec<(Token, Version)>,
    /// Blobs whose chunks are there, of those that are to be referred to.
    blobs: HashSet<u64>,
}

/// Carries out commits in one transaction.
pub(super) async fn transaction(
    session: Work,
    space: Space,
    commits: &[Commit],
) -> Result<Vec<Outcome>, Failure> {
    let needs = needs(commits);
    let collections: BTreeSet<CollectionId> = commits.iter().map(|commit| commit.collection).collect();
    let seen = look(&session, space, &needs, &collections, &blobs(commits)).await?;
    let mut decider = Decider::new(seen.now, seen.items, seen.tokens).in_force(seen.layouts);
    let versions = (seen.first.cast_unsigned()..).map(Version);
    let outcomes =
        commits.iter().zip(versions).map(|(commit, version)| decider.take(commit, version)).collect();
    let mut effects = decider.finish();
    effects.changes.retain(|change| seen.watched.contains(&change.item.record.collection.0.cast_signed()));
    // The futures of its statements are of some kilobytes each.
    Box::pin(write(&session, seen.now, &effects, &seen.blobs)).await?;
    Ok(outcomes)
}

/// The first round trip.
async fn look(
    session: &Work,
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
        let lock = async { client.query(&s.lock, &[&class, &gates, &locks]).await };
        let (began, locked) = join(client.execute(&s.begin, &[]), lock).await;
        began.and(locked)
    };
    let look = async { client.query_one(&s.look, &[&gates]).await };
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
    let held = async {
        match blobs.is_empty() {
            true => Ok(Vec::new()),
            false => client.query(&s.hold_blobs, &[&blobs]).await,
        }
    };
    let (_, seen, items, tokens, held) = session.within(try_join5(open, look, items, tokens, held)).await?;
    let known: Vec<i32> = column(&seen, 2)?;
    if let Some(missing) = gates.iter().find(|gate| !known.contains(gate)) {
        return Err(Failure::refused(EngineError::NoCollection(CollectionId(missing.cast_unsigned()))));
    }
    let wanted: Vec<&ItemKey> = needs.items.iter().collect();
    let layouts = known.iter().zip(column::<Vec<i64>>(&seen, 4)?);
    Ok(Seen {
        layouts: layouts
            .map(|(id, layout)| (CollectionId(id.cast_unsigned()), layout.cast_unsigned()))
            .collect(),
        now: UnixMs(column(&seen, 0)?),
        first: column(&seen, 1)?,
        watched: column::<Vec<i32>>(&seen, 3)?.into_iter().collect(),
        items: items.iter().map(|row| found(row, &wanted)).collect::<Result<_, _>>()?,
        tokens: tokens.iter().map(token).collect::<Result<_, _>>()?,
        blobs: held
            .iter()
            .map(|row| Ok(column::<i64>(row, 0)?.cast_unsigned()))
            .collect::<Result<_, Failure>>()?,
    })
}

/// The second round trip.
async fn write(session: &Work, now: UnixMs, effects: &Effects, blobs: &HashSet<u64>) -> Result<(), Failure> {
    let Some(rows) = Rows::of(effects, blobs)? else {
        // Nothing was written: it is as good as done, and without an answer it can be done again.
        session.within(session.client.execute(&session.statements.commit, &[])).await?;
        return Ok(());
    };
    let warned = session.warned();
    let both = join(store(session, now, &rows), session.client.execute(&session.statements.commit, &[]));
    match tokio::time::timeout_at(session.deadline(), both).await {
        Err(_) => Err(Failure::unknown("the server did not answer a COMMIT in time")),
        // The server said no before it came to the COMMIT, which then rolled back.
        Ok((Err(error), _)) if error.as_db_error().is_some() => Err(error.into()),
        Ok((Err(error), _) | (Ok(()), Err(error))) => Err(Failure::unknown(text(&error))),
        // Among the warnings of a COMMIT are that it stopped waiting for a replica, and that there was nothing to commit.
        Ok((Ok(()), Ok(_))) if session.warned() != warned => {
            Err(Failure::unknown("the server warned during a COMMIT"))
        }
        Ok((Ok(()), Ok(_))) => Ok(()),
    }
}

/// Sends the rows, each kind as one statement. What there is none of is not sent.
async fn store(session: &Work, now: UnixMs, rows: &Rows<'_>) -> Result<(), Error> {
    let (client, s) = (&session.client, &session.statements);
    let (attached, remove, tokens) = (&rows.attached, &rows.remove, &rows.tokens);
    let nonces: Vec<&[u8]> = tokens.nonces.iter().map(|nonce| &nonce[..]).collect();
    let attach = if_any(!attached.is_empty(), async { client.execute(&s.attach, &[attached]).await });
    let put = if_any(!rows.put.versions.is_empty(), async {
        let (p, k, v) = (&rows.put, &rows.put.keys, &rows.put.values);
        let (keys, values) = ((&k.collections, &k.records, &k.keys), (&v.values, &v.blobs, &v.sizes));
        let times = (&p.versions, &p.updated, &v.expires);
        client
            .execute(
                &s.put,
                &[keys.0, keys.1, keys.2, values.0, values.1, values.2, times.0, times.1, times.2],
            )
            .await
    });
    let remove = if_any(!remove.keys.is_empty(), async {
        client.execute(&s.remove, &[&remove.collections, &remove.records, &remove.keys]).await
    });
    let released = &rows.released;
    let release = if_any(!released.keys.keys.is_empty(), async {
        let (k, values) = (&released.keys, &released.values);
        client.execute(&s.release, &[&k.collections, &k.records, &k.keys, values]).await
    });
    let log = if_any(!rows.log.versions.is_empty(), async {
        let (l, k, v) = (&rows.log, &rows.log.keys, &rows.log.values);
        let (keys, values) = ((&k.collections, &k.records, &k.keys), (&v.values, &v.blobs, &v.sizes));
        let (offset, made) = (&session.offset, &now.0);
        client
            .execute(
                &s.log,
                &[
                    offset,
                    made,
                    keys.0,
                    keys.1,
                    keys.2,
                    &l.versions,
                    &l.gone,
                    values.0,
                    values.1,
                    values.2,
                    &v.expires,
                ],
            )
            .await
    });
    let keep = if_any(!nonces.is_empty(), async {
        client.execute(&s.keep_tokens, &[&tokens.times, &nonces, &tokens.versions, &now.0]).await
    });
    try_join(try_join5(attach, put, remove, release, log), keep).await?;
    Ok(())
}

/// Waits for `statement` if there is something to send; what is not polled is not sent.
async fn if_any(any: bool, statement: impl Future<Output = Result<u64, Error>>) -> Result<u64, Error> {
    if any { statement.await } else { Ok(0) }
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
