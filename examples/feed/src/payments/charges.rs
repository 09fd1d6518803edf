//! Charges: a few seeded ones for every user, with what was written on top.

use super::money;
use crate::api::payments::v1::charge::Source;
use crate::api::payments::v1::{Charge, ChargeState, ChargeStep};
use crate::check::{missing, nanos, now};
use crate::seed::Person;
use crate::shelf::Shelf;
use prost_types::Timestamp;
use std::cmp::Reverse;
use tonic::Status;

/// Charges every user has from the start.
const SEEDED: u32 = 3;

/// All charges by `{user}/{charge}`, so that those of a user lie together.
pub(super) struct Charges {
    pub(super) shelf: Shelf<Charge>,
}

impl Charges {
    /// The charge with this identity.
    pub(super) fn get(&self, id: &str) -> Result<Charge, Status> {
        let key = key(id).ok_or_else(|| no_charge(id))?;
        self.shelf.get(&key)?.or_seed(|| seeded(id)).ok_or_else(|| no_charge(id))
    }

    /// All charges of a user, the latest first.
    pub(super) fn of(&self, user: &str) -> Result<Vec<Charge>, Status> {
        let written = self.shelf.range(&format!("{user}/"))?;
        let seeded = (0..SEEDED).filter_map(|index| seeded(&format!("ch_{user}_s{index}")));
        let untouched = seeded.filter(|charge| {
            let key = key(&charge.charge_id);
            !written.iter().any(|(written, _)| Some(written) == key.as_ref())
        });
        let mut charges: Vec<Charge> = untouched.collect();
        charges.extend(written.iter().filter_map(|(_, charge)| charge.clone()));
        charges.sort_by_key(|charge| Reverse(charge.create_time.as_ref().map(nanos)));
        Ok(charges)
    }

    /// Keeps a new charge.
    pub(super) fn add(&self, mut charge: Charge) -> Result<Charge, Status> {
        let time = now();
        charge.charge_id = format!("ch_{}_{:x}{:08x}", charge.user_id, time.seconds, rand::random::<u32>());
        charge.create_time = Some(time);
        step(&mut charge, time);
        let key = format!("{}/{}", charge.user_id, charge.charge_id);
        self.shelf.update(&key, |_| Ok((Some(charge.clone()), ())))?;
        Ok(charge)
    }

    /// Changes a charge by `change`, which may refuse.
    pub(super) fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Charge) -> Result<(), Status>,
    ) -> Result<Charge, Status> {
        let key = key(id).ok_or_else(|| no_charge(id))?;
        self.shelf.update(&key, |known| {
            let mut charge = known.or_seed(|| seeded(id)).ok_or_else(|| no_charge(id))?;
            let before = charge.clone();
            change(&mut charge)?;
            if charge != before {
                step(&mut charge, now());
            }
            Ok((Some(charge.clone()), charge))
        })
    }
}

/// Notes the state a charge has come to.
fn step(charge: &mut Charge, time: Timestamp) {
    let refunded = charge.refunded.clone().filter(|refunded| money::total(refunded) > 0);
    let amount = refunded.or_else(|| charge.amount.clone());
    charge.steps.push(ChargeStep { state: charge.state, time: Some(time), amount });
}

/// The key of `ch_{user}_{rest}`.
fn key(id: &str) -> Option<String> {
    let (user, _) = id.strip_prefix("ch_")?.rsplit_once('_')?;
    Some(format!("{user}/{id}"))
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
