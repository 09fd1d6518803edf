//! What each attempt is told beside the request: the time that is left, and its share of the tree's allowance.

use super::Outbound;
use crate::Shared;
use crate::slot::Slot;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::rc::Rc;
use tenet_resilience::allowance::baggage::{self, Carried};
use tenet_resilience::allowance::{Entry, Grant, SHARE, SPENT, read_spent};
use tenet_resilience::timeout;

/// The time left of a gRPC call (gRPC over HTTP/2, Timeout).
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// What rides along through the whole call tree (W3C Baggage).
pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// The share once more, for an instance that divides it itself; the caller's own has ended here.
const RETRY_SHARE: HeaderName = HeaderName::from_static(SHARE);
/// What the tree below an answer spent of its share.
const RETRIES_SPENT: HeaderName = HeaderName::from_static(SPENT);

/// The share of the tree's allowance that goes along with one attempt.
#[derive(Debug)]
pub(crate) struct Share {
    grant: Option<Grant>,
    /// Where calls that come back through the private door find it, of services that do not divide it themselves.
    entry: Option<Entry>,
}

impl Share {
    /// Takes the share of one attempt at `slot`.
    pub(crate) fn of(out: &Outbound<'_>, slot: &Rc<Slot>) -> Share {
        let grant = Some(out.terms.allowance.grant()).filter(|grant| grant.amount() > 0);
        let divides = slot.local.shared.divides();
        let entry = grant.as_ref().filter(|_| !divides).and_then(|grant| {
            let random = slot.local.random.next();
            slot.local.shared.ledger.open(random as usize, random, grant.amount())
        });
        Share { grant, entry }
    }

    /// Nothing of the attempt left: nobody can have spent anything.
    pub(crate) fn unused(&mut self) {
        self.entry = None;
        if let Some(grant) = self.grant.take() {
            settled(grant, Some(0));
        }
    }

    /// The answer is complete: what its tree said it spent, or took here, is gone; the rest comes back.
    pub(crate) fn settle(&mut self, shared: &Shared, head: Option<&HeaderMap>, trailers: Option<&HeaderMap>) {
        let Some(grant) = self.grant.take() else { return };
        let amount = grant.amount();
        let taken = self.entry.take().map_or(0, |entry| amount.saturating_sub(entry.close()));
        let said = [trailers, head].into_iter().flatten().find_map(|fields| fields.get(RETRIES_SPENT));
        let said = said.and_then(|value| read_spent(value.as_bytes()));
        if shared.divides() {
            settled(grant, said);
        } else {
            // A service that divides what it got says so and takes nothing here; one that does both has spent both.
            settled(grant, Some(said.unwrap_or(0).saturating_add(taken)));
        }
    }
}

fn settled(grant: Grant, spent: Option<u32>) {
    if let Err(overspent) = grant.settle(spent) {
        // The ceiling was broken by a peer; there is nothing to take back.
        tracing::warn!(%overspent, "a service spent more repetitions than it was granted");
    }
}

impl Outbound<'_> {
    /// Puts into the request's fields what this attempt is told.
    pub(crate) fn dress(&self, share: &Share) {
        let mut headers = self.head.headers.borrow_mut();
        if self.terms.tell_deadline {
            let left = self.terms.deadline.saturating_duration_since(tokio::time::Instant::now());
            let left = HeaderValue::from_bytes(timeout::format(left).as_bytes());
            headers.insert(GRPC_TIMEOUT, unlike(left.unwrap_or(HeaderValue::from_static("0n"))));
        }
        let amount = share.grant.as_ref().map_or(0, Grant::amount);
        let carried = match &share.entry {
            Some(entry) => Carried::Shared { amount, id: entry.id() },
            // Whoever passes baggage on copies it to all its calls, and without a place in a ledger each copy could be spent.
            None => Carried::Exclusive(0),
        };
        // A field of its own is read by those alone who divide what it says.
        if share.entry.is_some() || (amount > 0 && self.lane.local.shared.divides()) {
            headers.insert(RETRY_SHARE, small(amount));
        } else {
            headers.remove(RETRY_SHARE);
        }
        let before = self.head.baggage.as_ref().and_then(|value| value.to_str().ok());
        let mut text = self.lane.local.text.borrow_mut();
        baggage::write(before, &carried, &mut text);
        match HeaderValue::from_bytes(text.as_bytes()) {
            Ok(value) if !value.is_empty() => headers.insert(BAGGAGE, unlike(value)),
            _ => headers.remove(BAGGAGE),
        };
    }
}

/// What has another value in each request, of ours and of whoever calls us.
static OF_ONE_REQUEST: [HeaderName; 4] =
    [GRPC_TIMEOUT, BAGGAGE, HeaderName::from_static("traceparent"), HeaderName::from_static("x-request-id")];

/// Lets these fields into HPACK's table: later ones need not spell their names.
pub(crate) fn make_known(headers: &mut HeaderMap) {
    for name in &OF_ONE_REQUEST {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(false);
        }
    }
}

/// A value that no other request has: kept out of HPACK's table (RFC 7541 §6.2.3), where it would push out what does come again and be
/// compared with every later one of its name.
fn unlike(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// A share; the usual ones without an allocation.
fn small(amount: u32) -> HeaderValue {
    const USUAL: [&str; 9] = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
    USUAL
        .get(amount as usize)
        .map_or_else(|| HeaderValue::from(amount), |text| HeaderValue::from_static(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_each_request_is_made_known_and_secrets_are_not() {
        let names = ["baggage", "traceparent", "x-request-id", "grpc-timeout", "authorization"];
        let mut headers: HeaderMap = names
            .into_iter()
            .map(|name| (HeaderName::from_static(name), unlike(HeaderValue::from_static("v"))))
            .collect();
        assert!(headers.values().all(HeaderValue::is_sensitive));
        make_known(&mut headers);
        let kept: Vec<&str> =
            headers.iter().filter(|(_, v)| v.is_sensitive()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(kept, ["authorization"]);
    }
}
