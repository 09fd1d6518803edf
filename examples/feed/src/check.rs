//! Collects everything that is wrong with a request, so that its caller can correct it in one go.

use tenet_service::Fault;
use tonic::Status;

/// The domain of the reasons this example gives.
pub(crate) const DOMAIN: &str = "feed.example";

/// What is wrong with a request, field by field.
#[derive(Default)]
pub(crate) struct Check {
    violations: Vec<(String, String)>,
}

impl Check {
    /// Notes that `field` is wrong unless `fine`.
    pub(crate) fn that(&mut self, fine: bool, field: &str, wrong: impl FnOnce() -> String) -> &mut Check {
        if !fine {
            self.violations.push((field.to_owned(), wrong()));
        }
        self
    }

    /// Notes that `field` is too long, in characters.
    pub(crate) fn length(&mut self, text: &str, most: usize, field: &str) -> &mut Check {
        let length = text.chars().count();
        self.that(length <= most, field, || format!("has {length} characters; at most {most} are allowed"))
    }

    /// INVALID_ARGUMENT with one violation for each field, if there are any.
    pub(crate) fn done(&mut self) -> Result<(), Status> {
        let text = match self.violations.len() {
            0 => return Ok(()),
            1 => "One field of the request is wrong.".to_owned(),
            many => format!("{many} fields of the request are wrong."),
        };
        let fault = Fault::invalid_argument(text).reason("INVALID_FIELDS", DOMAIN);
        let violations = std::mem::take(&mut self.violations).into_iter();
        Err(violations.fold(fault, |fault, (field, wrong)| fault.field(field, wrong)).into())
    }
}

/// One field that is wrong.
pub(crate) fn wrong(field: &str, why: impl Into<String>) -> Status {
    let why = why.into();
    match Check::default().that(false, field, || why).done() {
        Err(status) => status,
        Ok(()) => Status::internal(""),
    }
}

/// NOT_FOUND for a resource, with the reason the contract announces.
pub(crate) fn missing(reason: &str, resource_type: &str, name: &str) -> Status {
    Fault::not_found(format!("There is no {name}."))
        .reason(reason, DOMAIN)
        .metadata("name", name)
        .resource(resource_type, name, "does not exist")
        .into()
}

/// Whether `text` is `least..=most` characters of lower-case letters, digits and those of `more`.
pub(crate) fn is_word(text: &str, least: usize, most: usize, more: &str) -> bool {
    (least..=most).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
}

/// A timestamp as nanoseconds since 1970; the ends of time for what no clock shows.
pub(crate) fn nanos(time: &prost_types::Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

/// Now, as the contracts write it.
pub(crate) fn now() -> prost_types::Timestamp {
    std::time::SystemTime::now().into()
}
