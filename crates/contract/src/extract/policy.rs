//! Reads `tenet.policy.v1` options.

use super::hash_by::hash_by;
use super::options;
use crate::{Cache, ExpectedError, HashBy, Idempotency, Priority, Visibility};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use std::time::Duration;
use tenet_error::GrpcCode;

/// `google.protobuf.Duration` allows about ten thousand years; a deadline above a day is a mistake of unit.
const MAX_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a problem is reported: message, the text in the source it is about, hint.
pub(super) trait Report: FnMut(String, &str, &str) {}
impl<F: FnMut(String, &str, &str)> Report for F {}

pub(super) struct ServicePolicy {
    pub(super) group: String,
    pub(super) owner: String,
    pub(super) visibility: Visibility,
}

pub(super) fn service(options: &DynamicMessage, mut report: impl Report) -> ServicePolicy {
    let policy = options::message_extension(options, "tenet.policy.v1.service");
    let read = |name| policy.as_ref().map(|policy| options::text(policy, name)).unwrap_or_default();
    let visibility = match policy.as_ref().map_or(0, |policy| options::number(policy, "visibility")) {
        0 | 1 => Visibility::Public,
        2 => Visibility::Internal,
        other => {
            report(format!("visibility {other} is not known; expected PUBLIC or INTERNAL"), "visibility", "");
            // The narrower of the two, in case somebody ignores the finding.
            Visibility::Internal
        }
    };
    ServicePolicy { group: read("group"), owner: read("owner"), visibility }
}

#[derive(Default)]
pub(super) struct MethodPolicy {
    pub(super) deadline: Option<Duration>,
    pub(super) priority: Priority,
    pub(super) scopes: Vec<String>,
    pub(super) cache: Option<Cache>,
    pub(super) cost: u32,
    pub(super) errors: Vec<ExpectedError>,
    pub(super) idempotency: Idempotency,
    pub(super) hedge: bool,
    pub(super) hash_by: Option<HashBy>,
}

pub(super) fn method(
    method: &MethodDescriptor,
    options: &DynamicMessage,
    mut report: impl Report,
) -> MethodPolicy {
    let idempotency = match options::number(options, "idempotency_level") {
        1 => Idempotency::NoSideEffects,
        2 => Idempotency::Idempotent,
        _ => Idempotency::Unknown,
    };
    let Some(policy) = options::message_extension(options, "tenet.policy.v1.method") else {
        return MethodPolicy { cost: 1, idempotency, ..MethodPolicy::default() };
    };
    MethodPolicy {
        deadline: deadline(&policy, &mut report),
        priority: match options::number(&policy, "priority") {
            1 => Priority::Critical,
            3 => Priority::Sheddable,
            0 | 2 => Priority::Normal,
            other => {
                let message =
                    format!("priority {other} is not known; expected CRITICAL, NORMAL or SHEDDABLE");
                report(message, "priority", "");
                Priority::Normal
            }
        },
        scopes: texts(&policy, "scopes"),
        cache: options::message(&policy, "cache").map(|cache| Cache {
            fresh: duration(&cache, "fresh", &mut report).unwrap_or_default(),
            stale: duration(&cache, "stale", &mut report).unwrap_or_default(),
            vary: texts(&cache, "vary"),
        }),
        cost: u32::try_from(options::number(&policy, "cost")).unwrap_or(u32::MAX).max(1),
        errors: options::list(&policy, "errors")
            .iter()
            .filter_map(|value| expected_error(value.as_message()?, &mut report))
            .collect(),
        idempotency,
        hedge: options::boolean(&policy, "hedge") && may_hedge(method, idempotency, &mut report),
        hash_by: hash_by(method, &options::text(&policy, "hash_by"), &mut report),
    }
}

/// A hedge is a repetition nobody waited to need, so it needs the promise that repetitions need.
fn may_hedge(method: &MethodDescriptor, idempotency: Idempotency, report: &mut impl Report) -> bool {
    if idempotency == Idempotency::Unknown {
        report(
            format!("{}: hedge sends a call twice, and nothing says that it may be repeated", method.name()),
            "hedge",
            "add `option idempotency_level = NO_SIDE_EFFECTS;` or IDEMPOTENT if that is so, or leave hedge out",
        );
    } else if method.is_client_streaming() {
        let message = format!("{}: hedge cannot send a client's stream twice", method.name());
        report(message, "hedge", "leave it out");
    } else {
        return true;
    }
    false
}

fn deadline(policy: &DynamicMessage, report: &mut impl Report) -> Option<Duration> {
    let deadline = duration(policy, "deadline", report)?;
    if deadline.is_zero() {
        report(
            "a deadline of zero lets no call succeed".into(),
            "deadline",
            "leave it out for the platform's default",
        );
        return None;
    }
    if deadline > MAX_DEADLINE {
        let message = format!("a deadline of {} s is more than a day", deadline.as_secs());
        report(message, "deadline", "`seconds` and `nanos` are separate: 500 ms is { nanos: 500000000 }");
        return None;
    }
    Some(deadline)
}

fn duration(message: &DynamicMessage, name: &str, report: &mut impl Report) -> Option<Duration> {
    let value = options::message(message, name)?;
    let (seconds, nanos) = (options::number(&value, "seconds"), options::number(&value, "nanos"));
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Some(Duration::new(seconds, nanos)),
        _ => {
            let found = format!(
                "`{name}` is {seconds} s and {nanos} ns; expected neither negative, and nanos below 1e9"
            );
            report(found, name, "");
            None
        }
    }
}

fn expected_error(message: &DynamicMessage, report: &mut impl Report) -> Option<ExpectedError> {
    let name = options::text(message, "code");
    let Some(code) = GrpcCode::ALL.into_iter().find(|code| code.name() == name && *code != GrpcCode::Ok)
    else {
        let near = GrpcCode::ALL
            .into_iter()
            .map(|code| (code.name(), strsim::jaro_winkler(code.name(), &name.to_uppercase())))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let hint = near.map(|(near, _)| format!("did you mean `{near}`?")).unwrap_or_default();
        report(format!("`{name}` is not an error code of google.rpc.Code"), &name, &hint);
        return None;
    };
    Some(ExpectedError {
        code,
        description: options::text(message, "description"),
        reason: options::text(message, "reason"),
    })
}

fn texts(message: &DynamicMessage, name: &str) -> Vec<String> {
    options::list(message, name).iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}
