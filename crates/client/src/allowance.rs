//! What a call's tree may spend on repetitions, as its fields say it; the gateway's private door reads them the same way.
//!
//! | the call carries | it may spend |
//! |---|---|
//! | a share of its own (`tenet-allowance=2`) | that share |
//! | a place in a gateway's ledger (`tenet-allowance=2.ID`), copied by a service that divides nothing | nothing: others may spend it |
//! | a trace and no allowance | nothing: it lost what it was given, or was given none |
//! | that nobody asked for it (`tenet-allowance=*`) | the whole allowance: a tree begins here |
//! | neither | the whole allowance: a tree begins here |

use http::{HeaderMap, HeaderName, HeaderValue};
use tenet_resilience::allowance::baggage::{self, Carried};
use tenet_resilience::allowance::{Allowance, SPENT};

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What the tree below an answer spent, for whoever gave the share.
const RETRIES_SPENT: HeaderName = HeaderName::from_static(SPENT);

/// What one call may spend.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) allowance: Allowance,
    /// Whether somebody waits to hear what was spent.
    reports: bool,
}

impl Tree {
    /// Reads the fields of a call; `whole` is what a tree that begins here may spend.
    pub(crate) fn read(headers: &HeaderMap, whole: u32) -> Tree {
        let text = headers.get(BAGGAGE).and_then(|value| value.to_str().ok());
        let (amount, reports) = match text.and_then(baggage::read) {
            Some(Carried::Whole) => (whole, false),
            Some(Carried::Exclusive(amount)) => (amount, true),
            Some(Carried::Shared { .. }) => (0, false),
            None if headers.contains_key(TRACEPARENT) => (0, false),
            None => (whole, false),
        };
        Tree { allowance: Allowance::new(amount), reports }
    }

    /// Ends it: nothing is spent any more, and what was is said in the last fields of the answer.
    pub(crate) fn end(&self, fields: &mut HeaderMap) {
        let spent = self.allowance.close();
        if self.reports {
            fields.insert(RETRIES_SPENT, HeaderValue::from(spent));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_say_what_may_be_spent() {
        let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        // Fields, what is left, what is said.
        type Row<'a> = (&'a [(&'static str, &'a str)], u32, Option<&'a str>);
        let rows: [Row<'_>; 7] = [
            (&[trace, ("baggage", baggage::BACKGROUND)], 7, None),
            (&[], 7, None),
            (&[("baggage", "a=b")], 7, None),
            (&[trace], 0, None),
            (&[trace, ("baggage", "a=b,tenet-allowance=2")], 2, Some("1")),
            (&[("baggage", "tenet-allowance=0")], 0, Some("0")),
            (&[trace, ("baggage", "tenet-allowance=2.0a1f00c0ffee1234")], 0, None),
        ];
        for (pairs, left, reported) in rows {
            let pairs =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            let tree = Tree::read(&pairs.collect(), 7);
            assert_eq!(tree.allowance.left(), left);
            tree.allowance.try_spend();
            let mut fields = HeaderMap::new();
            tree.end(&mut fields);
            assert_eq!(fields.get(RETRIES_SPENT).map(|value| value.to_str().unwrap()), reported);
            assert!(!tree.allowance.try_spend(), "it has ended");
        }
    }
}
