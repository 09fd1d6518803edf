//! What a request may say: bounds, and messages as the store's own types.

use super::fault;
use crate::commit::{Action, Condition, Must, Token, Write};
use crate::item::{MAX_VALUE, UnixMs, Value, Version};
use crate::name::item_key;
use bytes::Bytes;
use std::collections::HashSet;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tonic::Status;

/// Most items that one read names or one write changes.
pub(super) const MAX_ITEMS: usize = 1000;
/// Most records of one mutate.
pub(super) const MAX_RECORDS: usize = 100;
/// A token is remembered for so long; an older one may have been forgotten, and is refused.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3600);
/// Clocks of callers may be this far ahead.
const CLOCK_AHEAD: Duration = Duration::from_secs(300);
/// The longest an item can be told to stay: a hundred years.
const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The token of a write at the time `now`.
pub(super) fn token(asked: Option<&api::WriteToken>, now: UnixMs) -> Result<Token, Status> {
    let asked = asked.ok_or_else(|| fault::missing("token"))?;
    let nonce = <[u8; 16]>::try_from(&asked.nonce[..]).map_err(|_| {
        fault::invalid("token.nonce", format!("it has {} bytes, expected 16", asked.nonce.len()))
    })?;
    let time = UnixMs(asked.time_unix_ms);
    if time.after(TOKEN_LIFE) <= now {
        return Err(fault::invalid(
            "token.time_unix_ms",
            format!(
                "it is older than {} s: whether it was done before is no longer known",
                TOKEN_LIFE.as_secs()
            ),
        ));
    }
    if now.after(CLOCK_AHEAD) < time {
        return Err(fault::invalid(
            "token.time_unix_ms",
            format!("it is {} ms ahead of the store's clock", time.0 - now.0),
        ));
    }
    Ok(Token { time, nonce: u128::from_be_bytes(nonce) })
}

/// A duration that is not negative.
pub(super) fn duration(asked: &prost_types::Duration, field: &str) -> Result<Duration, Status> {
    Duration::try_from(*asked).map_err(|_| fault::invalid(field, "it is negative, or none".into()))
}

/// How long something stays: as asked, or by the collection's default; up to a tenth longer, by `chance` from 0 to 1.
pub(super) fn ttl(
    asked: Option<&prost_types::Duration>,
    usual: Option<Duration>,
    chance: f64,
    field: &str,
) -> Result<Option<Duration>, Status> {
    let asked = asked.map(|asked| duration(asked, field)).transpose()?;
    if asked.is_some_and(|asked| asked.is_zero() || asked > MAX_TTL) {
        return Err(fault::invalid(field, "expected more than nothing and at most a hundred years".into()));
    }
    Ok(asked.or(usual).map(|ttl| ttl.mul_f64(1.0 + chance / 10.0)))
}

/// The conditions of a record.
pub(super) fn conditions(asked: Vec<api::Condition>, field: &str) -> Result<Vec<Condition>, Status> {
    let convert = |(index, asked): (usize, api::Condition)| {
        let field = format!("{field}[{index}]");
        let must = match asked.must {
            Some(api::condition::Must::Version(version)) => Must::Be(Version(version)),
            Some(api::condition::Must::Absent(true)) => Must::BeAbsent,
            Some(api::condition::Must::Present(true)) => Must::BePresent,
            _ => {
                return Err(fault::invalid(&field, "expected version, absent: true or present: true".into()));
            }
        };
        Ok(Condition { key: key(asked.key, &field)?, must })
    };
    asked.into_iter().enumerate().map(convert).collect()
}

/// The writes of a record; `usual` is how long items stay that do not say it, `chance` a number from 0 to 1 for each.
pub(super) fn writes(
    asked: Vec<api::Write>,
    usual: Option<Duration>,
    mut chance: impl FnMut() -> f64,
    field: &str,
) -> Result<Vec<Write>, Status> {
    let mut seen = HashSet::with_capacity(asked.len());
    let mut writes = Vec::with_capacity(asked.len());
    for (index, asked) in asked.into_iter().enumerate() {
        let field = format!("{field}[{index}]");
        let key = key(asked.key, &field)?;
        if !seen.insert(key.clone()) {
            return Err(fault::invalid(&field, "the same key is written twice".into()));
        }
        let action = match asked.change {
            Some(api::write::Change::Put(value)) if value.len() > MAX_VALUE => {
                let what = format!(
                    "it has {} bytes, expected at most {MAX_VALUE}; WriteValue takes more",
                    value.len()
                );
                return Err(fault::invalid(&format!("{field}.put"), what));
            }
            Some(api::write::Change::Put(value)) => Action::Put(Value::Inline(value.into())),
            Some(api::write::Change::Delete(true)) => Action::Delete,
            Some(api::write::Change::Add(amount)) => Action::Add(amount),
            _ => return Err(fault::invalid(&field, "expected put, delete: true or add".into())),
        };
        let ttl = match action {
            Action::Delete => None,
            _ => ttl(asked.ttl.as_ref(), usual, chance(), &format!("{field}.ttl"))?,
        };
        writes.push(Write { key, action, ttl });
    }
    Ok(writes)
}

/// An item's key.
pub(super) fn key(key: Vec<u8>, field: &str) -> Result<Bytes, Status> {
    item_key(&key).map_err(|bad| fault::invalid(&format!("{field}.key"), bad.to_string()))?;
    Ok(key.into())
}

/// That there are `least` to `most`.
pub(super) fn count(found: usize, least: usize, most: usize, field: &str) -> Result<(), Status> {
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(fault::invalid(field, format!("there are {found}, expected {least} to {most}")))
    }
}
