//! The alarms raised now, by id.

use crate::Alarm;
use std::collections::BTreeMap;

/// Alarms raised at once; more of them is one incident that needs no further words.
const ALARMS_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Alarms {
    raised: BTreeMap<String, Alarm>,
}

/// What raising did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Raised {
    New,
    Changed,
    NoRoom,
}

impl Alarms {
    /// Raises or changes an alarm; a changed one keeps the time since when it is raised.
    pub(super) fn raise(&mut self, mut alarm: Alarm) -> Raised {
        if let Some(known) = self.raised.get_mut(&alarm.id) {
            alarm.since = known.since;
            *known = alarm;
            return Raised::Changed;
        }
        if self.raised.len() >= ALARMS_MAX {
            return Raised::NoRoom;
        }
        self.raised.insert(alarm.id.clone(), alarm);
        Raised::New
    }

    pub(super) fn clear(&mut self, id: &str) -> Option<Alarm> {
        self.raised.remove(id)
    }

    pub(super) fn raised(&self) -> impl Iterator<Item = &Alarm> {
        self.raised.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use std::time::{Duration, UNIX_EPOCH};

    fn alarm(id: &str, at: u64) -> Alarm {
        let since = UNIX_EPOCH + Duration::from_secs(at);
        Alarm { id: id.into(), severity: Severity::Warning, subject: "s".into(), text: "t".into(), since }
    }

    #[test]
    fn raising_again_changes_and_keeps_the_start() {
        let mut alarms = Alarms::default();
        assert_eq!(alarms.raise(alarm("a", 1)), Raised::New);
        assert_eq!(alarms.raise(alarm("a", 9)), Raised::Changed);
        assert_eq!(alarms.raised().map(|a| a.since).collect::<Vec<_>>(), [alarm("a", 1).since]);
        assert!(alarms.clear("a").is_some() && alarms.clear("a").is_none());
    }

    #[test]
    fn there_is_a_bound() {
        let mut alarms = Alarms::default();
        for i in 0..ALARMS_MAX {
            alarms.raise(alarm(&i.to_string(), 0));
        }
        assert_eq!(alarms.raise(alarm("one more", 0)), Raised::NoRoom);
        assert_eq!(alarms.raise(alarm("0", 0)), Raised::Changed);
    }
}
