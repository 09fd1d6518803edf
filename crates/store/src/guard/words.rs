//! What is said of others' sessions and writes: sentences of one line, cut to a bound.

use super::{ForeignSession, ForeignWrite};
use crate::item::UnixMs;
use std::fmt::Write as _;

/// Characters of what somebody ran: enough to know a statement by, and many of them fit into an event.
const QUERY: usize = 256;
/// Characters of a name. PostgreSQL's own bound is 63.
const NAME: usize = 64;

/// Whose sessions are told together: the connections of a pool are one alarm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    user: String,
    address: Option<String>,
    application: String,
}

impl Who {
    pub(super) fn is(session: &ForeignSession) -> Who {
        Who::new(&session.user, session.address.as_ref(), &session.application)
    }

    pub(super) fn wrote(write: &ForeignWrite) -> Who {
        Who::new(&write.user, write.address.as_ref(), &write.application)
    }

    fn new(user: &str, address: Option<&String>, application: &str) -> Who {
        Who { user: cut(user, NAME), address: address.cloned(), application: cut(application, NAME) }
    }

    /// Part of an alarm's identity.
    pub(super) fn id(&self) -> String {
        let address = self.address.as_deref().unwrap_or_default();
        format!("{}@{address} {}", self.user, self.application)
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "user {}", self.user)?;
        match &self.address {
            Some(address) => write!(f, " from {address}")?,
            None => f.write_str(" from no address (a local socket, or hidden from us)")?,
        }
        write!(f, ", application {:?}", self.application)
    }
}

/// A session, once.
pub(super) fn session(session: &ForeignSession) -> String {
    let mut text = format!("a session that is not its owner's: {}", Who::is(session));
    if let Some(since) = session.since {
        let _ = write!(text, ", there since {}", moment(since));
    }
    text.push_str(&ran(session.query.as_deref()));
    text
}

/// All sessions of somebody, now.
pub(super) fn sessions(who: &Who, count: usize, query: Option<&str>) -> String {
    let noun = if count == 1 { "session that is" } else { "sessions that are" };
    format!("{count} {noun} not its owner's: {who}{}", ran(query))
}

/// Writes of one session to one table, once.
pub(super) fn write(write: &ForeignWrite) -> String {
    let who = Who::wrote(write);
    let (table, last) = (cut(&write.table, NAME), moment(write.last));
    format!("{who} wrote past its owner to {table:?} at {last}{}", ran(Some(&write.query)))
}

/// All writes of somebody, lately.
pub(super) fn writes(who: &Who, statements: u64, last: &ForeignWrite) -> String {
    let noun = if statements == 1 { "statement" } else { "statements" };
    let (table, at) = (cut(&last.table, NAME), moment(last.last));
    format!(
        "{statements} {noun} past its owner of {who}, the last at {at} to {table:?}{}",
        ran(Some(&last.query))
    )
}

fn ran(query: Option<&str>) -> String {
    match query {
        None => ". What it ran is hidden from us: GRANT pg_read_all_stats to the role that looks".to_owned(),
        Some("") => ". It ran nothing yet".to_owned(),
        Some(query) => format!(". It ran: {}", cut(query, QUERY)),
    }
}

/// As RFC 3339 has it, to the second.
fn moment(at: UnixMs) -> String {
    prost_types::Timestamp { seconds: at.0.div_euclid(1000), nanos: 0 }.to_string()
}

/// On one line, at most so many characters.
fn cut(text: &str, most: usize) -> String {
    let mut line = String::new();
    let (mut length, mut space) = (0, false);
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            space = !line.is_empty();
            continue;
        }
        if length + usize::from(space) >= most {
            line.push('…');
            break;
        }
        if std::mem::take(&mut space) {
            line.push(' ');
            length += 1;
        }
        line.push(character);
        length += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_say_is_one_line_and_no_longer_than_it_may() {
        for (text, most, expected) in [
            ("", 4, ""),
            ("a", 4, "a"),
            ("  a\n\t b  ", 4, "a b"),
            ("abcd", 4, "abcd"),
            ("abcde", 4, "abcd…"),
            ("abcd  ", 4, "abcd"),
            ("abc de", 4, "abc…"),
            ("äöüß!", 4, "äöüß…"),
            ("a\u{0}\u{1b}[31mb", 16, "a [31mb"),
        ] {
            assert_eq!(cut(text, most), expected, "{text:?}");
        }
    }
}
