//! How operations, answers and states of a record are written in accounts: `put a=5 → @9` is a put that got version 9.

use super::operation::{
    Action, Change, Condition, Expected, Key, RecordAnswer, RecordOperation, Seen, Write,
};
use super::state::RecordState;
use super::versions::Version;
use std::fmt::{self, Display, Formatter};

impl Display for RecordOperation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Write(write) => write.fmt(f)?,
            Action::Get { key, .. } => write!(f, "get {key}")?,
            Action::Scan { from, to, .. } => {
                write!(f, "scan {}..{}", from.as_deref().unwrap_or(""), to.as_deref().unwrap_or(""))?;
            }
        }
        match self.action.max_age_ns() {
            Some(age_ns) => write!(f, " at most {age_ns} ns old"),
            None => Ok(()),
        }
    }
}

impl Display for Write {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.conditions[..], &self.changes[..]) {
            ([], [Change { value: Some(_), .. }]) => f.write_str("put ")?,
            ([], [Change { value: None, .. }]) => {}
            _ => f.write_str("mutate ")?,
        }
        separated(f, &self.changes)?;
        if !self.conditions.is_empty() {
            f.write_str(" if ")?;
            separated(f, &self.conditions)?;
        }
        match &self.token {
            Some(token) => write!(f, " token {token}"),
            None => Ok(()),
        }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => write!(f, "delete {}", self.key),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.expected {
            Expected::Version(version) => write!(f, "{}@{version}", self.key),
            Expected::Absent => write!(f, "{} absent", self.key),
        }
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.value, self.version)
    }
}

impl Display for RecordAnswer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            RecordAnswer::Written { version } => write!(f, "@{version}"),
            RecordAnswer::Unchanged => f.write_str("unchanged"),
            RecordAnswer::Refused { found: None } => f.write_str("refused"),
            RecordAnswer::Refused { found: Some((key, None)) } => write!(f, "refused, {key} absent"),
            RecordAnswer::Refused { found: Some((key, Some(version))) } => {
                write!(f, "refused, {key}@{version}")
            }
            RecordAnswer::Item(None) => f.write_str("absent"),
            RecordAnswer::Item(Some(seen)) => seen.fmt(f),
            RecordAnswer::Items(items) => {
                f.write_str("{")?;
                separated(f, items.iter().map(|(key, seen)| Pair(key, seen)))?;
                f.write_str("}")
            }
        }
    }
}

impl Display for RecordState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        let text = |version| match version {
            Version::Known(version) => version.to_string(),
            Version::Untold(_) | Version::Silent => "?".to_owned(),
        };
        let item = |(key, item): &(Key, super::state::Item)| match item.version {
            Version::Silent => format!("{key}=?"),
            version => format!("{key}={}@{}", item.value, text(version)),
        };
        separated(f, self.items.iter().map(item))?;
        f.write_str("}")
    }
}

struct Pair<'a>(&'a Key, &'a Seen);

impl Display for Pair<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.0, self.1)
    }
}

fn separated<T: Display>(f: &mut Formatter<'_>, parts: impl IntoIterator<Item = T>) -> fmt::Result {
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        part.fmt(f)?;
    }
    Ok(())
}
