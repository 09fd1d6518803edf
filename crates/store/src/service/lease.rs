//! Lease: one holder at a time, by conditional writes of the lease's item.

use super::{StoreService, answer, fault, quota, read, terms};
use crate::catalogue::{Known, SecretHash};
use crate::commit::{Action, Commit, Condition, Must, Outcome, RecordChange, Write};
use crate::item::{Item, UnixMs, Version};
use crate::lease::Lease;
use crate::metrics::Call;
use crate::name::{ItemKey, RecordKey};
use bytes::Bytes;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tokio::time::Instant;
use tonic::Status;

/// For how long a lease can be taken.
const HOLD: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));
/// Bytes of a holder's name.
const MAX_HOLDER: usize = 256;
/// Times that it is looked at anew because somebody else was faster.
const MAX_TURNS: usize = 8;

impl StoreService {
    pub(super) async fn hold(
        &self,
        caller: SecretHash,
        asked: api::LeaseRequest,
    ) -> Result<api::LeaseResponse, Status> {
        let (known, id) = self.record(caller, asked.record, "record")?;
        let record = RecordKey { collection: known.id, id };
        if known.typed.as_ref().is_some_and(|typed| !typed.indexes.is_empty()) {
            let what = format!("{} has indexes, and a lease is no message that they could have", known.name);
            return Err(fault::invalid("record.collection", what));
        }
        terms::count(asked.holder.len(), 1, MAX_HOLDER, "holder")?;
        let hold = match asked.action {
            Some(api::lease_request::Action::Hold(hold)) => {
                let hold = terms::duration(&hold, "hold")?;
                if !(HOLD.0..=HOLD.1).contains(&hold) {
                    return Err(fault::invalid(
                        "hold",
                        format!("{hold:?} is not between {:?} and {:?}", HOLD.0, HOLD.1),
                    ));
                }
                Some(hold)
            }
            Some(api::lease_request::Action::Release(true)) => None,
            _ => return Err(fault::invalid("action", "expected hold or release: true".into())),
        };
        let answer = self.hold_record(&known, &record, asked.holder, hold);
        let answer = self.owner.metrics().counted(known.id, Call::Lease, answer).await?;
        let left = answer.left.and_then(|left| Duration::try_from(left).ok()).unwrap_or_default();
        let until = answer.held.then(|| Instant::now() + left);
        // Another's lease is where it was given.
        if answer.held || answer.holder.is_empty() {
            self.owner.metrics().of(known.id, |row| row.lease(&record.id, until));
        }
        Ok(answer)
    }

    /// Takes, renews or gives back a lease, unless another holds it.
    async fn hold_record(
        &self,
        known: &Known,
        record: &RecordKey,
        holder: String,
        hold: Option<Duration>,
    ) -> Result<api::LeaseResponse, Status> {
        for _ in 0..MAX_TURNS {
            let item = read::one(self, ItemKey { record: record.clone(), key: Bytes::new() }).await?;
            let now = self.owner.engine().clock().await.map_err(|error| fault::engine(&error))?;
            let found = item.as_ref().and_then(Lease::read);
            let theirs = found.as_ref().filter(|lease| lease.holder != holder);
            match (hold, &found, theirs) {
                (None, None, _) => return Ok(api::LeaseResponse::default()),
                (_, _, Some(theirs)) => return Ok(said(theirs, false, now)),
                _ => {}
            }
            let write = step(hold, &holder, found.as_ref(), item.as_ref());
            let change =
                RecordChange { record: record.id.clone(), conditions: vec![write.0], writes: vec![write.1] };
            let commit = Commit::of(record.collection, None, vec![change]);
            // A lease that is held can be held on to, whatever else is kept.
            let _let_in = if hold.is_some() && item.is_none() {
                let let_in = self.admit(known, &commit, quota::Of::Service).await;
                let_in.map_err(|over| quota::refused(over, known))?
            } else {
                None
            };
            if let Outcome::Done { version, .. } = self.owner.commit(commit).await.map_err(fault::owner)? {
                let token = found.map_or(version, |lease| lease.token);
                let lease = Lease { holder, token, until: hold.map(|hold| now.after(hold)) };
                return Ok(match hold {
                    Some(_) => said(&lease, true, now),
                    None => api::LeaseResponse::default(),
                });
            }
        }
        Err(tenet_service::Fault::aborted("Others went on taking and leaving the lease.").into())
    }
}

/// What must be so of the lease's item, and what is written.
fn step(
    hold: Option<Duration>,
    holder: &str,
    found: Option<&Lease>,
    item: Option<&Item>,
) -> (Condition, Write) {
    let must = item.map_or(Must::BeAbsent, |item| Must::Be(item.version));
    let token: Option<Version> = found.map(|lease| lease.token);
    let action = if hold.is_some() { Action::Put(Lease::value(holder, token)) } else { Action::Delete };
    (Condition { key: Bytes::new(), must }, Write { key: Bytes::new(), action, ttl: hold })
}

fn said(lease: &Lease, held: bool, now: UnixMs) -> api::LeaseResponse {
    api::LeaseResponse {
        held,
        holder: lease.holder.clone(),
        token: lease.token.0,
        left: lease.until.map(|until| answer::duration(now.until(until))),
    }
}
