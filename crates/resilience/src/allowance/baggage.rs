//! The allowance as a member of W3C Baggage (<https://www.w3.org/TR/baggage/>), which tracing libraries of any language pass on.
//!
//! ```text
//!   baggage: userId=alice,tenet-allowance=2,isProduction=false            for a child that divides: two, and nobody else's
//!   baggage: userId=alice,tenet-allowance=2.0a1f00c0ffee1234              for a child that copies: two in a ledger, under this id
//!   baggage: tenet-allowance=*                                            nobody called: a tree begins here
//! ```

use super::spent::decimal;
use super::{EntryId, MAX};

/// Our member's key.
pub const KEY: &str = "tenet-allowance";

/// The value that says [`Carried::Whole`].
const WHOLE: &str = "*";

/// The whole baggage of work that no call asked for.
pub const BACKGROUND: &str = "tenet-allowance=*";

/// Bytes of a baggage string that every platform must pass on (W3C Baggage, 3.3.2 "Limits"); beyond them it may drop any member.
pub const MAX_BYTES: usize = 8192;

/// Members of a baggage string that every platform must pass on (the same section).
pub const MAX_MEMBERS: usize = 64;

/// An allowance on its way to a child call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// So many extra attempts, for the child alone: it divides them among its own calls.
    Exclusive(u32),
    /// Whatever a whole tree may spend: a service does this of its own accord, and says so because a trace alone would look like a call
    /// that lost what it was given. Who reads it begins a tree, and passes on something else.
    Whole,
    /// So many extra attempts for everybody who shows `id` to the [`Ledger`](super::Ledger) it is from. Who carries it has
    /// nothing of its own to spend.
    Shared {
        /// What was put in, for information.
        amount: u32,
        /// Where it was put.
        id: EntryId,
    },
}

/// Finds our member in a baggage string. `None` where there is none or it is malformed, which is an allowance of nothing; numbers
/// above [`MAX`] count as that. Should there be several, the first counts: a copy cannot add anything.
pub fn read(baggage: &str) -> Option<Carried> {
    // By bytes: every separator is ASCII, and looking for characters takes several times as long in strings so short.
    let value = baggage.as_bytes().split(|byte| *byte == b',').find_map(ours)?;
    if value == WHOLE.as_bytes() {
        return Some(Carried::Whole);
    }
    let dot = value.iter().position(|byte| *byte == b'.');
    let (amount, id) = dot.map_or((value, None), |dot| (&value[..dot], Some(&value[dot + 1..])));
    let amount = decimal(amount)?.min(MAX);
    match id {
        None => Some(Carried::Exclusive(amount)),
        Some(id) => Some(Carried::Shared { amount, id: EntryId::read(id)? }),
    }
}

/// Writes `baggage` with our member replaced by `carried` into `out`, whose content is replaced. All other members stay as they
/// are, in their order; ours comes last. Where it would take the whole beyond [`MAX_BYTES`] or [`MAX_MEMBERS`] it is left out, and
/// the child has no allowance: what others carry is never dropped for ours.
pub fn write(baggage: Option<&str>, carried: &Carried, out: &mut String) {
    out.clear();
    let mut members = 0;
    for member in baggage.unwrap_or("").split(',') {
        let member = member.trim_ascii();
        if member.is_empty() || ours(member.as_bytes()).is_some() {
            continue;
        }
        if members > 0 {
            out.push(',');
        }
        out.push_str(member);
        members += 1;
    }
    let end = out.len();
    if members > 0 {
        out.push(',');
    }
    out.push_str(KEY);
    out.push('=');
    match carried {
        Carried::Exclusive(amount) => push_decimal(*amount, out),
        Carried::Whole => out.push_str(WHOLE),
        Carried::Shared { amount, id } => {
            push_decimal(*amount, out);
            out.push('.');
            id.write(out);
        }
    }
    if out.len() > MAX_BYTES || members + 1 > MAX_MEMBERS {
        out.truncate(end);
    }
}

/// The value of `member` if it is ours: `key = value ; properties`, spaces and tabs optional everywhere. What is not ours is
/// told by its first bytes.
fn ours(member: &[u8]) -> Option<&[u8]> {
    let after_key = trim_start(member).strip_prefix(KEY.as_bytes())?;
    let mut rest = trim_start(after_key).strip_prefix(b"=")?;
    if let Some(properties) = rest.iter().position(|byte| *byte == b';') {
        rest = &rest[..properties];
    }
    while let [before @ .., b' ' | b'\t'] = rest {
        rest = before;
    }
    Some(trim_start(rest))
}

/// Without the optional white space of HTTP: spaces and tabs, nothing else.
fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', after @ ..] = text {
        text = after;
    }
    text
}

/// At most two digits, because amounts are at most [`MAX`].
fn push_decimal(amount: u32, out: &mut String) {
    let amount = amount.min(MAX) as u8;
    if amount >= 10 {
        out.push(char::from(b'0' + amount / 10));
    }
    out.push(char::from(b'0' + amount % 10));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shared(amount: u32, id: &str) -> Option<Carried> {
        Some(Carried::Shared { amount, id: EntryId::read(id.as_bytes()).expect("an id") })
    }

    #[test]
    fn reads_our_member_among_others() {
        let check = |baggage: &str, expected| assert_eq!(read(baggage), expected, "{baggage:?}");
        check("tenet-allowance=2", Some(Carried::Exclusive(2)));
        check("tenet-allowance=0", Some(Carried::Exclusive(0)));
        check(BACKGROUND, Some(Carried::Whole));
        check("a=b, tenet-allowance = * ;p,c=d", Some(Carried::Whole));
        check("a=b,tenet-allowance=2,c=d", Some(Carried::Exclusive(2)));
        check(" a = b , \ttenet-allowance\t= 2 ;p=1; q , c=d", Some(Carried::Exclusive(2)));
        check("tenet-allowance=64", Some(Carried::Exclusive(64)));
        check("tenet-allowance=65", Some(Carried::Exclusive(64)));
        check("tenet-allowance=999999999", Some(Carried::Exclusive(64)));
        check("tenet-allowance=2.0a1f00c0ffee1234", shared(2, "0a1f00c0ffee1234"));
        check("tenet-allowance=70.0A1F00C0FFEE1234;p", shared(64, "0a1f00c0ffee1234"));
        check("tenet-allowance=1,tenet-allowance=9", Some(Carried::Exclusive(1)));
        for nothing in [
            "",
            ",",
            "a=b",
            "tenet-allowance",
            "tenet-allowance=",
            "tenet-allowance=-1",
            "tenet-allowance=+1",
            "tenet-allowance=2x",
            "tenet-allowance=%32",
            "tenet-allowance=1000000000",
            "tenet-allowance=99999999999999999999",
            "tenet-allowance=2.",
            "tenet-allowance=.0a1f00c0ffee1234",
            "tenet-allowance=2.0a1f00c0ffee123",
            "tenet-allowance=2.0a1f00c0ffee12345",
            "tenet-allowance=2.+a1f00c0ffee1234",
            "Tenet-Allowance=2",
            "a=tenet-allowance=2",
            "xtenet-allowance=2",
            "a=b;tenet-allowance=2",
        ] {
            check(nothing, None);
        }
    }

    #[test]
    fn writes_our_member_and_keeps_the_others() {
        let check = |baggage: Option<&str>, carried, expected: &str| {
            let mut out = String::from("what was here before");
            write(baggage, &carried, &mut out);
            assert_eq!(out, expected, "{baggage:?}");
        };
        let two = Carried::Exclusive(2);
        check(None, two, "tenet-allowance=2");
        check(Some(""), Carried::Exclusive(64), "tenet-allowance=64");
        check(Some("a=b;p=1 , c = d"), two, "a=b;p=1,c = d,tenet-allowance=2");
        check(Some("a=b,tenet-allowance=9;p,c=d"), two, "a=b,c=d,tenet-allowance=2");
        check(Some("tenet-allowance=x, tenet-allowance=7"), two, "tenet-allowance=2");
        check(Some(",, a=b ,"), two, "a=b,tenet-allowance=2");
        check(Some("a=b"), Carried::Exclusive(900), "a=b,tenet-allowance=64");
        let shared = Carried::Shared { amount: 2, id: EntryId::read(b"0a1f00c0ffee1234").expect("an id") };
        check(Some("a=b"), shared, "a=b,tenet-allowance=2.0a1f00c0ffee1234");
    }

    #[test]
    fn is_left_out_where_there_is_no_room() {
        let check = |baggage: &str, fits: bool| {
            let mut out = String::new();
            write(Some(baggage), &Carried::Exclusive(2), &mut out);
            let expected = if fits { format!("{baggage},tenet-allowance=2") } else { baggage.to_owned() };
            assert!(out == expected, "{} bytes in, {} out", baggage.len(), out.len());
        };
        let room = MAX_BYTES - ",tenet-allowance=2".len();
        check(&format!("a={}", "x".repeat(room - 2)), true);
        check(&format!("a={}", "x".repeat(room - 1)), false);
        check(&format!("a={}", "x".repeat(2 * MAX_BYTES)), false);
        check(&vec!["a=b"; MAX_MEMBERS - 1].join(","), true);
        check(&vec!["a=b"; MAX_MEMBERS].join(","), false);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(baggage in ".*", near in "[ ,;=.]*(tenet-allowance[ ]?=[0-9a-f.]{0,24}[,; ]*)*") {
            let _ = read(&baggage);
            let _ = read(&near);
        }

        #[test]
        fn what_is_written_is_read(others in "([a-z]{1,9}=[a-z0-9]{0,9}[ ;,]{0,3}){0,9}", amount in 0..=MAX, id: u64) {
            let mut out = String::new();
            let id = EntryId::read(format!("{id:016x}").as_bytes()).expect("an id");
            for carried in [Carried::Exclusive(amount), Carried::Shared { amount, id }] {
                write(Some(&others), &carried, &mut out);
                prop_assert_eq!(read(&out), Some(carried));
                let again = out.clone();
                write(Some(&again), &carried, &mut out);
                prop_assert_eq!(&again, &out, "writing twice changes nothing");
            }
        }
    }
}
