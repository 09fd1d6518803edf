//! Charges: a few seeded ones for every user, with what was written on top.

use super::money;
use crate::api::payments::v1::charge::Source;
use crate::api::payments::v1::{Charge, ChargeState, ChargeStep, StoredCharge};
use crate::check::{DOMAIN, is_word, missing, nanos, now};
use crate::seed::Person;
use prost_types::Timestamp;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;
use tenet_client::store::{Change, Collection, Held, Range, Store, Taken};
use tenet_service::Fault;
use tokio::time::Instant;
use tonic::Status;

/// Charges every user has from the start.
const SEEDED: u32 = 3;

/// What keys of callers begin with, among all that is stored of a user.
const KEY: &str = "key/";

/// The collection of keys that are held.
const KEYS: &str = "charge-key";

/// How long a key is held for one who does not come back: longer than any deadline in the contract, and than the bank takes.
const HOLD: Duration = Duration::from_secs(15);

/// How long another call with a key is waited for: it has its answer by then, or the bank is slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks whether a key is free.
const PAUSE: Duration = Duration::from_millis(20);

/// What identities of charges begin with, among all that is stored of a user.
const CHARGE: &str = "ch_";

/// Most charges of a user that a list looks at, the latest first.
const MAX_LISTED: u32 = 20_000;

/// Bytes that a list takes from the store at a time: a page of it is some hundred charges.
const PAGE_BYTES: u32 = 64 << 10;

/// All charges, in the store: those of a user are one record.
pub(super) struct Charges {
    pub(super) stored: Collection<StoredCharge>,
    /// Where Idempotency-Keys of calls under way are held.
    pub(super) keys: Store,
}

impl Charges {
    /// The charge with this identity.
    pub(super) async fn get(&self, id: &str) -> Result<Charge, Status> {
        let user = user(id).ok_or_else(|| no_charge(id))?;
        let stored = self.stored.get((user, id)).await?.map(|kept| kept.value);
        over_seed(stored, id).ok_or_else(|| no_charge(id))
    }

    /// The latest charges of a user that are wanted, the latest first: at least `count`, if there are so many.
    pub(super) async fn latest(
        &self,
        user: &str,
        count: usize,
        wanted: impl Fn(&Charge) -> bool,
    ) -> Result<Vec<Charge>, Status> {
        if !is_user(user) {
            return Ok(Vec::new());
        }
        // Identities begin with the time. Only the few that lie over the seed do not: they come first.
        let enough = count.saturating_add(SEEDED as usize);
        let range = Range::record(user).starting_at(CHARGE).until(KEY).reverse();
        let mut stored = self.stored.scan(range.limit(MAX_LISTED).page_bytes(PAGE_BYTES));
        let mut changed: HashSet<String> = HashSet::new();
        let mut charges: Vec<Charge> = Vec::new();
        while charges.len() < enough
            && let Some(kept) = stored.next().await
        {
            let StoredCharge { id, charge, .. } = kept?.value;
            changed.insert(id);
            charges.extend(charge.filter(&wanted));
        }
        let of_seed = (0..SEEDED).filter_map(|index| seeded(&format!("ch_{user}_s{index}")));
        charges.extend(of_seed.filter(|charge| !changed.contains(&charge.charge_id) && wanted(charge)));
        charges.sort_by_key(|charge| Reverse(charge.create_time.as_ref().map(nanos)));
        Ok(charges)
    }

    /// The charge that a user's Idempotency-Key has led to.
    pub(super) async fn by_key(&self, user: &str, key: &str) -> Result<Option<Charge>, Status> {
        match self.stored.get((user, format!("{KEY}{key}"))).await? {
            Some(kept) => self.get(&kept.charge_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Holds a user's Idempotency-Key, once nobody else does: until it is released, no other call with it asks the bank.
    ///
    /// # Errors
    /// ABORTED where another call with it goes on for too long.
    pub(super) async fn hold(&self, user: &str, key: &str) -> Result<Held, Status> {
        // Each call is a holder of its own, also in one process.
        let holder = format!("{:032x}", rand::random::<u128>());
        let lease = self.keys.lease_as(KEYS, &format!("{user}/{key}"), &holder);
        let until = Instant::now() + PATIENCE;
        loop {
            let left = match lease.take(HOLD).await? {
                Taken::Held(held) => return Ok(held),
                Taken::ByAnother { left, .. } => left,
            };
            if Instant::now() >= until {
                let fault = Fault::aborted("Another call with this Idempotency-Key is still under way.");
                return Err(fault.reason("KEY_IN_USE", DOMAIN).retry_after(left).into());
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
    }

    /// Keeps a new charge, and which key has led to it, which is held. Where another has come first with the same key, it is the other's that
    /// is kept and returned.
    pub(super) async fn add(&self, mut charge: Charge, key: Option<(&str, &Held)>) -> Result<Charge, Status> {
        let time = now();
        // Time first, so that those of a user lie in its order; random digits, so that instances need not agree.
        charge.charge_id = format!(
            "ch_{}_{:09x}{:08x}{:06x}",
            charge.user_id,
            time.seconds,
            time.nanos,
            rand::random::<u32>() >> 8
        );
        charge.create_time = Some(time);
        step(&mut charge, time);
        let Some((key, held)) = key else {
            self.stored.insert(&of_charge(&charge)).await?;
            return Ok(charge);
        };
        let led = StoredCharge {
            user_id: charge.user_id.clone(),
            id: format!("{KEY}{key}"),
            charge: None,
            charge_id: charge.charge_id.clone(),
        };
        match self.stored.changes().insert(&led).insert(&of_charge(&charge)).under(held).commit().await {
            Ok(_) => Ok(charge),
            Err(error) if error.is_conflict() => {
                self.by_key(&charge.user_id, key).await?.ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a charge by `change`, which may refuse, and is asked again where another was faster.
    pub(super) async fn change(
        &self,
        id: &str,
        change: impl Fn(&mut Charge) -> Result<(), Status>,
    ) -> Result<Charge, Status> {
        let user = user(id).ok_or_else(|| no_charge(id))?;
        let mut result = None;
        let written = self.stored.update((user, id), |stored| {
            let mut charge = over_seed(stored, id).ok_or_else(|| no_charge(id))?;
            let before = charge.clone();
            change(&mut charge)?;
            let changed = charge != before;
            if changed {
                step(&mut charge, now());
            }
            result = Some(charge.clone());
            Ok::<_, Status>(if changed { Change::Put(of_charge(&charge)) } else { Change::Keep })
        });
        written.await?;
        result.ok_or_else(|| no_charge(id))
    }
}

/// The charge that is stored, where one is, or the seed's.
fn over_seed(stored: Option<StoredCharge>, id: &str) -> Option<Charge> {
    match stored {
        Some(stored) => stored.charge,
        None => seeded(id),
    }
}

fn of_charge(charge: &Charge) -> StoredCharge {
    StoredCharge {
        user_id: charge.user_id.clone(),
        id: charge.charge_id.clone(),
        charge: Some(charge.clone()),
        charge_id: String::new(),
    }
}

/// Notes the state a charge has come to.
fn step(charge: &mut Charge, time: Timestamp) {
    let refunded = charge.refunded.clone().filter(|refunded| money::total(refunded) > 0);
    let amount = refunded.or_else(|| charge.amount.clone());
    charge.steps.push(ChargeStep { state: charge.state, time: Some(time), amount });
}

/// The user of `ch_{user}_{rest}`; what has not this form is no identity, and the store is not asked for it.
fn user(id: &str) -> Option<&str> {
    let (user, rest) = id.strip_prefix(CHARGE)?.rsplit_once('_')?;
    (is_user(user) && is_word(rest, 1, 32, "")).then_some(user)
}

pub(super) fn is_user(user: &str) -> bool {
    is_word(user, 1, 32, "_")
}

pub(super) fn no_charge(id: &str) -> Status {
    missing("CHARGE_NOT_FOUND", "feed.payments.v1.Charge", &format!("charges/{id}"))
}

fn seeded(id: &str) -> Option<Charge> {
    let (user, index) = id.strip_prefix("ch_")?.rsplit_once('_')?;
    let index: u32 = index.strip_prefix('s')?.parse().ok().filter(|index| *index < SEEDED)?;
    let person = Person::from_id(user)?;
    let charge_id = format!("ch_{}_s{index}", person.id());
    if charge_id != id {
        return None;
    }
    let base = person.create_time().seconds;
    let time = Timestamp { seconds: base + 86_400 * i64::from(index + 1), nanos: 0 };
    let amount = money::of(i128::from(base.rem_euclid(90) + 10) * 1_000_000_000, "EUR");
    let mut charge = Charge {
        charge_id,
        user_id: person.id(),
        amount: Some(amount),
        refunded: Some(money::of(0, "EUR")),
        state: if index == 2 { ChargeState::Authorized } else { ChargeState::Captured }.into(),
        create_time: Some(time),
        description: format!("Seed {index}"),
        source: Some(Source::CardLast4("4242".to_owned())),
        steps: Vec::new(),
    };
    step(&mut charge, time);
    Some(charge)
}
