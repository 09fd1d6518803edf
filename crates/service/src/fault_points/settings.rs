//! What fault points can be told, in JSON, and within which bounds. Unknown keys are refused by name.

use serde::{Deserialize, Serialize};
use std::fmt;
use tenet_error::GrpcCode;

/// The longest lease, 11 minutes: longer than any drill, short enough that a forgotten fault ends the same day it began.
const MAX_LEASE_MS: u32 = 660_000;
/// The longest delay and the longest time a slot may take, 1 minute: beyond it a black hole says the same.
const MAX_TIME_MS: u32 = 60_000;
/// The most slots: what one process could serve at a time at all.
const MAX_SLOTS: u32 = 10_000;

/// A stated capacity: `count` calls at a time take `time_ms` milliseconds each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlotRule {
    /// Calls at a time, from 1 to 10000.
    pub count: u32,
    /// Milliseconds each takes, from 1 to 60000.
    pub time_ms: u32,
}

impl SlotRule {
    /// Reads `16x10ms`; `None` for anything else, or out of bounds.
    pub fn parse(text: &str) -> Option<SlotRule> {
        let (count, time) = text.split_once('x')?;
        let digits =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let rule = SlotRule { count: digits(count)?, time_ms: digits(time.strip_suffix("ms")?)? };
        rule.problem().is_none().then_some(rule)
    }

    fn problem(self) -> Option<String> {
        within("slots.count", self.count, 1, MAX_SLOTS)
            .or_else(|| within("slots.time_ms", self.time_ms, 1, MAX_TIME_MS))
    }
}

impl fmt::Display for SlotRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}ms", self.count, self.time_ms)
    }
}

/// A code that a share of the calls is answered with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ErrorRule {
    pub(crate) code: GrpcCode,
    /// Share of the calls, above 0 and at most 1.
    pub(crate) share: f64,
}

impl ErrorRule {
    /// Whether a call with this `random` in [0, 1) is one of the share.
    pub(crate) fn strikes(self, random: f64) -> bool {
        random < self.share
    }
}

impl fmt::Display for ErrorRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} of the calls", self.code.name(), self.share)
    }
}

/// The faults that end with their lease.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Leased {
    /// Milliseconds added to each call.
    pub(crate) delay_ms: u32,
    pub(crate) error: Option<ErrorRule>,
    /// Calls are taken and never answered.
    pub(crate) black_hole: bool,
}

impl Leased {
    /// Whether there is any fault at all.
    pub(crate) fn any(&self) -> bool {
        *self != Leased::default()
    }
}

/// What was asked for, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) slots: Option<SlotRule>,
    pub(super) leased: Leased,
    /// Milliseconds until the leased faults end.
    pub(super) for_ms: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    slots: Option<SlotRule>,
    delay_ms: Option<u32>,
    error: Option<ErrorFile>,
    black_hole: Option<bool>,
    for_ms: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorFile {
    code: String,
    share: Option<f64>,
}

impl Wanted {
    /// Reads and checks the JSON; the error is a sentence for whoever sent it.
    pub(super) fn parse(json: &[u8]) -> Result<Wanted, String> {
        let file: File = serde_json::from_slice(json).map_err(|error| format!("Fault points: {error}."))?;
        let error = file.error.map(|rule| error_rule(&rule)).transpose()?;
        let leased = Leased {
            delay_ms: file.delay_ms.unwrap_or_default(),
            error,
            black_hole: file.black_hole.unwrap_or_default(),
        };
        if leased.any() && file.for_ms.is_none() {
            return Err(format!(
                "Fault points: delay_ms, error and black_hole need for_ms, the milliseconds from 1 to {MAX_LEASE_MS} \
                 after which they end by themselves."
            ));
        }
        let problem = file
            .slots
            .and_then(SlotRule::problem)
            .or_else(|| within("delay_ms", leased.delay_ms, 0, MAX_TIME_MS))
            .or_else(|| within("for_ms", file.for_ms.unwrap_or(1), 1, MAX_LEASE_MS));
        match problem {
            Some(problem) => Err(format!("Fault points: {problem}.")),
            None => Ok(Wanted { slots: file.slots, leased, for_ms: file.for_ms.unwrap_or_default() }),
        }
    }
}

fn error_rule(file: &ErrorFile) -> Result<ErrorRule, String> {
    let known = GrpcCode::ALL.into_iter().find(|code| *code != GrpcCode::Ok && code.name() == file.code);
    let code = known.ok_or_else(|| {
        format!(
            "Fault points: error.code is {:?}; expected a gRPC code other than OK, as INTERNAL.",
            file.code
        )
    })?;
    let share = file.share.unwrap_or(1.0);
    if share > 0.0 && share <= 1.0 {
        return Ok(ErrorRule { code, share });
    }
    Err(format!("Fault points: error.share is {share}; expected a share above 0 and at most 1."))
}

fn within(name: &str, found: u32, least: u32, most: u32) -> Option<String> {
    (found < least || found > most).then(|| format!("{name} is {found}; expected {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (json, part) in [
            (r#"{"delai_ms":1,"for_ms":1}"#, "unknown field `delai_ms`, expected one of `slots`, `delay_ms`"),
            (r#"{"slots":{"count":1,"time":1}}"#, "unknown field `time`, expected `count` or `time_ms`"),
            (r#"{"error":{"code":"INTERNAL","rate":1},"for_ms":1}"#, "unknown field `rate`"),
            (r#"{"error":{"code":"OK"},"for_ms":1}"#, "error.code is \"OK\""),
            (r#"{"error":{"code":"internal"},"for_ms":1}"#, "error.code is \"internal\""),
            (r#"{"error":{"code":"INTERNAL","share":0},"for_ms":1}"#, "error.share is 0"),
            (r#"{"error":{"code":"INTERNAL","share":1.5},"for_ms":1}"#, "error.share is 1.5"),
            (r#"{"delay_ms":1}"#, "need for_ms"),
            (r#"{"black_hole":true}"#, "need for_ms"),
            (r#"{"delay_ms":60001,"for_ms":1}"#, "delay_ms is 60001"),
            (r#"{"delay_ms":1,"for_ms":660001}"#, "for_ms is 660001; expected 1 to 660000"),
            (r#"{"delay_ms":1,"for_ms":0}"#, "for_ms is 0"),
            (r#"{"slots":{"count":0,"time_ms":1}}"#, "slots.count is 0"),
            (r#"{"slots":{"count":1,"time_ms":0}}"#, "slots.time_ms is 0"),
            (r#"{"delay_ms":-1,"for_ms":1}"#, "invalid value: integer `-1`"),
            ("", "EOF"),
            ("[]", "invalid"),
        ] {
            let error = Wanted::parse(json.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_right_is_taken() {
        let error = ErrorRule { code: GrpcCode::Internal, share: 0.25 };
        for (json, slots, leased, for_ms) in [
            ("{}", None, Leased::default(), 0),
            (r#"{"delay_ms":0}"#, None, Leased::default(), 0),
            (r#"{"slots":{"count":16,"time_ms":10}}"#, SlotRule::parse("16x10ms"), Leased::default(), 0),
            (
                r#"{"error":{"code":"INTERNAL","share":0.25},"black_hole":true,"delay_ms":3,"for_ms":600000}"#,
                None,
                Leased { delay_ms: 3, error: Some(error), black_hole: true },
                600_000,
            ),
        ] {
            assert_eq!(Wanted::parse(json.as_bytes()), Ok(Wanted { slots, leased, for_ms }), "{json}");
        }
        assert!(error.strikes(0.2499) && !error.strikes(0.25));
    }

    #[test]
    fn slots_in_one_word() {
        for (text, expected) in [
            ("16x10ms", Some(SlotRule { count: 16, time_ms: 10 })),
            ("10000x60000ms", Some(SlotRule { count: 10_000, time_ms: 60_000 })),
            ("0x10ms", None),
            ("16x0ms", None),
            ("10001x1ms", None),
            ("1x60001ms", None),
            ("16x10", None),
            ("16x10s", None),
            ("+1x1ms", None),
            ("x1ms", None),
            ("99999999999x1ms", None),
            ("", None),
        ] {
            assert_eq!(SlotRule::parse(text), expected, "{text}");
        }
        assert_eq!(SlotRule::parse("16x10ms").map(|rule| rule.to_string()).as_deref(), Some("16x10ms"));
    }
}
