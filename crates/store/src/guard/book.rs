//! What was told already, so that each thing is told once, and which alarms there are: the difference of two looks. Without clock and IO.

use super::counts::Tally;
use super::words::{self, Who};
use super::{ForeignSession, ForeignWrite, Look};
use crate::engine::EngineError;
use crate::item::UnixMs;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenet_telemetry::{Alarm, Event, EventKind, Severity};

/// Alarms about single users of one database, for sessions and for writes each: more of them is one incident, which one more alarm counts.
pub(super) const ALARMS: usize = 32;
/// Looks that fail in a row before it is an alarm: a promotion or a restart of the server is over by then.
pub(super) const FAILURES: u32 = 3;

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It happened.
    Event(Event),
    /// It is so from now on, or is now said otherwise.
    Raise(Alarm),
    /// It is over.
    Clear(String),
}

/// See the module.
pub(super) struct Book {
    database: String,
    /// A process of the server and when it began: numbers of processes come again.
    sessions: HashSet<(i32, Option<UnixMs>)>,
    /// A note, and of how many statements it was.
    writes: HashMap<(i32, String, String, UnixMs), u64>,
    /// What is raised of what looks find, by id.
    raised: BTreeMap<String, Alarm>,
    /// Whether it is an alarm that looks fail.
    blind: bool,
    tally: Tally,
}

impl Book {
    pub(super) fn new(database: &str) -> Book {
        Book {
            database: database.to_owned(),
            sessions: HashSet::new(),
            writes: HashMap::new(),
            raised: BTreeMap::new(),
            blind: false,
            tally: Tally::default(),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// A look that was good.
    pub(super) fn found(&mut self, look: Look, known: &BTreeSet<String>, at: SystemTime) -> Vec<Notice> {
        let Look { mut sessions, mut writes } = look;
        sessions.retain(|session| !known.contains(&session.user));
        writes.retain(|write| !known.contains(&write.user));
        let mut notices = Vec::new();
        self.tally.failed = 0;
        if std::mem::take(&mut self.blind) {
            notices.push(Notice::Clear(self.blind_id()));
        }
        self.tell_sessions(&sessions, at, &mut notices);
        self.tell_writes(&writes, at, &mut notices);
        let mut wanted = self.session_alarms(&sessions, at);
        wanted.extend(self.write_alarms(&writes));
        let over = self.raised.keys().filter(|id| !wanted.contains_key(*id));
        notices.extend(over.map(|id| Notice::Clear(id.clone())));
        let news = wanted
            .values()
            .filter(|alarm| self.raised.get(&alarm.id).is_none_or(|known| known.text != alarm.text));
        notices.extend(news.map(|alarm| Notice::Raise(alarm.clone())));
        self.raised = wanted;
        notices
    }

    /// A look that was not. What was raised stays: nobody knows that it is over.
    pub(super) fn failed(&mut self, error: &EngineError, at: SystemTime) -> Vec<Notice> {
        self.tally.failures += 1;
        self.tally.failed = self.tally.failed.saturating_add(1);
        if self.tally.failed < FAILURES {
            return Vec::new();
        }
        if !std::mem::replace(&mut self.blind, true) {
            tracing::warn!(database = %self.database, "nobody looks for foreign sessions: {error}");
        }
        vec![Notice::Raise(Alarm {
            id: self.blind_id(),
            severity: Severity::Warning,
            subject: self.database.clone(),
            text: format!("nobody looks for sessions that are not its owner's: {error}"),
            since: at,
        })]
    }

    /// The alarms that there are, none of which is any more.
    pub(super) fn end(&mut self) -> Vec<String> {
        let mut over: Vec<String> = std::mem::take(&mut self.raised).into_keys().collect();
        if std::mem::take(&mut self.blind) {
            over.push(self.blind_id());
        }
        over
    }

    fn blind_id(&self) -> String {
        format!("guard {}", self.database)
    }

    fn event(&self, at: SystemTime, text: String) -> Notice {
        Notice::Event(Event { kind: EventKind::Intruder, at, subject: self.database.clone(), text })
    }

    /// Each session once.
    fn tell_sessions(&mut self, sessions: &[ForeignSession], at: SystemTime, notices: &mut Vec<Notice>) {
        let before = std::mem::take(&mut self.sessions);
        for session in sessions {
            let key = (session.pid, session.since);
            if !before.contains(&key) {
                self.tally.seen += 1;
                let text = words::session(session);
                tracing::warn!(database = %self.database, "{text}");
                notices.push(self.event(at, text));
            }
            self.sessions.insert(key);
        }
        self.tally.sessions = sessions.len() as u64;
    }

    /// Each session that wrote once for each table.
    fn tell_writes(&mut self, writes: &[ForeignWrite], at: SystemTime, notices: &mut Vec<Notice>) {
        let before = std::mem::take(&mut self.writes);
        for write in writes {
            let key = (write.pid, write.user.clone(), write.table.clone(), write.first);
            let known = before.get(&key).copied();
            self.tally.writes += write.writes.saturating_sub(known.unwrap_or(0));
            if known.is_none() {
                let text = words::write(write);
                tracing::error!(database = %self.database, "{text}");
                notices.push(self.event(at, text));
            }
            self.writes.insert(key, write.writes);
        }
    }

    fn session_alarms(&self, sessions: &[ForeignSession], at: SystemTime) -> BTreeMap<String, Alarm> {
        let mut by: BTreeMap<Who, Vec<&ForeignSession>> = BTreeMap::new();
        for session in sessions {
            by.entry(Who::is(session)).or_default().push(session);
        }
        let alarm = |(who, sessions): (&Who, &Vec<&ForeignSession>)| {
            // The newest says best what is done there; which one it is must not change from look to look.
            let newest = sessions.iter().max_by_key(|session| (session.since, session.pid));
            let query = newest.and_then(|session| session.query.as_deref());
            Alarm {
                id: format!("foreign session {} {}", self.database, who.id()),
                severity: Severity::Warning,
                subject: self.database.clone(),
                text: words::sessions(who, sessions.len(), query),
                since: sessions.iter().filter_map(|session| session.since).min().map_or(at, system_time),
            }
        };
        let all = by.iter().map(alarm).collect();
        let rest = |count| format!("sessions that are not its owner's, of {count} more users or places");
        self.bounded(all, &format!("foreign sessions {}", self.database), rest, at)
    }

    fn write_alarms(&self, writes: &[ForeignWrite]) -> BTreeMap<String, Alarm> {
        let mut by: BTreeMap<Who, Vec<&ForeignWrite>> = BTreeMap::new();
        for write in writes {
            by.entry(Who::wrote(write)).or_default().push(write);
        }
        let alarm = |(who, writes): (&Who, &Vec<&ForeignWrite>)| {
            let last = writes.iter().max_by_key(|write| (write.last, write.pid, &write.table))?;
            let first = writes.iter().map(|write| write.first).min().unwrap_or(last.first);
            Some(Alarm {
                id: format!("foreign write {} {}", self.database, who.id()),
                severity: Severity::Critical,
                subject: self.database.clone(),
                text: words::writes(who, writes.iter().map(|write| write.writes).sum(), last),
                since: system_time(first),
            })
        };
        let all: Vec<Alarm> = by.iter().filter_map(alarm).collect();
        let at = all.iter().map(|alarm| alarm.since).min().unwrap_or(UNIX_EPOCH);
        let rest = |count| format!("statements past its owner, of {count} more users or places");
        self.bounded(all, &format!("foreign writes {}", self.database), rest, at)
    }

    /// At most [`ALARMS`], those that are raised already first; and one that counts the others.
    fn bounded(
        &self,
        all: Vec<Alarm>,
        id: &str,
        rest: impl Fn(usize) -> String,
        at: SystemTime,
    ) -> BTreeMap<String, Alarm> {
        let (mut kept, new): (Vec<Alarm>, Vec<Alarm>) =
            all.into_iter().partition(|alarm| self.raised.contains_key(&alarm.id));
        kept.extend(new);
        let more = kept.len().saturating_sub(ALARMS);
        let severity = kept.first().map_or(Severity::Warning, |alarm| alarm.severity);
        kept.truncate(ALARMS);
        if more > 0 {
            let subject = self.database.clone();
            kept.push(Alarm { id: id.to_owned(), severity, subject, text: rest(more), since: at });
        }
        kept.into_iter().map(|alarm| (alarm.id.clone(), alarm)).collect()
    }
}

fn system_time(at: UnixMs) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}
