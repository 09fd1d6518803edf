//! How a handler refuses: a gRPC code, a text the caller may read, details a program can act upon, and a cause that
//! stays in the log.
//!
//! ```
//! # use tenet_service::Fault;
//! # fn page_size(size: i32) -> Result<(), tonic::Status> {
//! if !(0..=1000).contains(&size) {
//!     return Err(Fault::invalid_argument("The request has one invalid field.")
//!         .field("page_size", format!("{size} is not between 0 and 1000"))
//!         .into());
//! }
//! # Ok(()) }
//! # assert!(page_size(-1).is_err());
//! ```

use crate::Context;
use crate::details::{
    BadRequest, ErrorInfo, FieldViolation, Help, HelpLink, PreconditionFailure, PreconditionViolation,
    QuotaFailure, QuotaViolation, ResourceInfo, RetryInfo,
};
use bytes::Bytes;
use prost::{Message, Name};
use std::borrow::Cow;
use std::time::Duration;
use tenet_error::{Code, Detail, Failure, GrpcCode, status_details};
use tonic::Status;

/// Bytes of `grpc-status-details-bin` before base64. Header lists are commonly bounded at 8 KiB (grpc-core's soft
/// limit), and a status that exceeds it is lost whole, so details are left out from the last one back.
const MAX_DETAILS_BYTES: usize = 4096;

/// Bytes of the text for the caller, which travels beside the details and is percent-encoded (up to three times as long).
const MAX_MESSAGE_BYTES: usize = 1024;

/// Why a handler does not answer. Turns into a [`Status`] by `?` or `into()`.
#[derive(Clone, Debug)]
pub struct Fault {
    failure: Failure,
    info: Option<ErrorInfo>,
    fields: Vec<FieldViolation>,
    preconditions: Vec<PreconditionViolation>,
    quotas: Vec<QuotaViolation>,
    resource: Option<ResourceInfo>,
    help: Vec<HelpLink>,
}

macro_rules! constructors {
    ($($name:ident $code:ident $doc:literal;)*) => {
        impl Fault {
            $(#[doc = $doc]
            pub fn $name(message: impl Into<Cow<'static, str>>) -> Fault {
                Fault::new(GrpcCode::$code, message)
            })*
        }
    };
}

constructors! {
    invalid_argument InvalidArgument "A value is wrong whatever the state of the system.";
    not_found NotFound "There is no such resource.";
    already_exists AlreadyExists "There is one already.";
    permission_denied PermissionDenied "The caller is known but may not.";
    unauthenticated Unauthenticated "It is not known who calls.";
    failed_precondition FailedPrecondition "The system is not in the state this needs.";
    aborted Aborted "A race was lost; the whole transaction may be repeated.";
    out_of_range OutOfRange "Past the end of what exists.";
    resource_exhausted ResourceExhausted "A quota is used up.";
    unavailable Unavailable "Cannot serve now, and nothing was done.";
    unimplemented Unimplemented "This version does not have it.";
    internal Internal "An invariant is broken; put the reason into [`Fault::cause`], not into the text.";
}

impl Fault {
    /// A fault with a code and the text its caller may read: a full sentence, never an internal.
    pub fn new(code: GrpcCode, message: impl Into<Cow<'static, str>>) -> Fault {
        Fault::from(Failure::new(Code::from_service(code), message))
    }

    /// Names a field of the request that is wrong, by its path in the message, and says what would be right.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, description: impl Into<String>) -> Fault {
        self.fields.push(FieldViolation {
            field: field.into(),
            description: description.into(),
            reason: String::new(),
        });
        self
    }

    /// Names a condition that does not hold: its kind, what it is about and how to satisfy it.
    #[must_use]
    pub fn precondition(
        mut self,
        kind: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Fault {
        self.preconditions.push(PreconditionViolation {
            r#type: kind.into(),
            subject: subject.into(),
            description: description.into(),
        });
        self
    }

    /// Names a quota that is used up: whose it is, and which.
    #[must_use]
    pub fn quota(mut self, subject: impl Into<String>, description: impl Into<String>) -> Fault {
        self.quotas.push(QuotaViolation { subject: subject.into(), description: description.into() });
        self
    }

    /// Names the resource it is about: its message type, its name, and what went wrong with it.
    #[must_use]
    pub fn resource(
        mut self,
        resource_type: impl Into<String>,
        resource_name: impl Into<String>,
        description: impl Into<String>,
    ) -> Fault {
        self.resource = Some(ResourceInfo {
            resource_type: resource_type.into(),
            resource_name: resource_name.into(),
            owner: String::new(),
            description: description.into(),
        });
        self
    }

    /// Gives the reason a program can match on, in upper-snake, and the domain that defines it.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>, domain: impl Into<String>) -> Fault {
        let metadata = self.info.take().map(|info| info.metadata).unwrap_or_default();
        self.info = Some(ErrorInfo { reason: reason.into(), domain: domain.into(), metadata });
        self
    }

    /// Adds a value the text was made of to the reason's metadata.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Fault {
        self.info.get_or_insert_default().metadata.insert(key.into(), value.into());
        self
    }

    /// Adds a page that helps.
    #[must_use]
    pub fn help(mut self, description: impl Into<String>, url: impl Into<String>) -> Fault {
        self.help.push(HelpLink { description: description.into(), url: url.into() });
        self
    }

    /// Says when to come back (`RetryInfo`, and `Retry-After` at the gateway).
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Fault {
        self.failure = self.failure.with_retry_after(after);
        self
    }

    /// Adds what only the log may say. It is logged when the fault becomes a status.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Cow<'static, str>>) -> Fault {
        self.failure = self.failure.with_cause(cause);
        self
    }

    /// The catalogued failure with all details in their wire form.
    pub fn into_failure(self) -> Failure {
        let mut details = self.failure.details().to_vec();
        let mut put = |detail: Option<Detail>| details.extend(detail);
        put(self.info.as_ref().map(detail));
        put(some(&self.fields).map(|fields| detail(&BadRequest { field_violations: fields.to_vec() })));
        put(some(&self.preconditions).map(|all| detail(&PreconditionFailure { violations: all.to_vec() })));
        put(some(&self.quotas).map(|all| detail(&QuotaFailure { violations: all.to_vec() })));
        put(self.resource.as_ref().map(detail));
        put(some(&self.help).map(|links| detail(&Help { links: links.to_vec() })));
        put(self
            .failure
            .retry_after()
            .map(|after| detail(&RetryInfo { retry_delay: prost_types::Duration::try_from(after).ok() })));
        self.failure.with_details(details)
    }
}

fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

fn detail<T: Message + Name>(message: &T) -> Detail {
    Detail {
        type_url: format!("type.googleapis.com/{}", T::full_name()),
        value: Bytes::from(message.encode_to_vec()),
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        Fault {
            failure,
            info: None,
            fields: Vec::new(),
            preconditions: Vec::new(),
            quotas: Vec::new(),
            resource: None,
            help: Vec::new(),
        }
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Status {
        status(&fault.into_failure())
    }
}

/// The status of a catalogued failure: code, text and details; its cause is logged with the request id and goes nowhere
/// else.
pub fn status(failure: &Failure) -> Status {
    if let Some(cause) = failure.cause() {
        let id = Context::current().map(|context| context.request_id);
        let request_id = id.as_deref().unwrap_or("-");
        tracing::warn!(
            request_id,
            code = failure.entry().name,
            message = failure.message(),
            cause,
            "call refused"
        );
    }
    let code = tonic::Code::from_i32(i32::from(failure.entry().grpc.number()));
    let message = shorten(failure.message());
    let mut kept = failure.clone();
    if message.len() < failure.message().len() {
        kept = Failure::new(failure.code(), message.to_owned()).with_details(failure.details().to_vec());
    }
    let mut bytes = status_details(&kept);
    while bytes.len() > MAX_DETAILS_BYTES && !kept.details().is_empty() {
        let fewer = kept.details()[..kept.details().len() - 1].to_vec();
        kept = kept.with_details(fewer);
        bytes = status_details(&kept);
    }
    let details = if kept.details().is_empty() { Bytes::new() } else { bytes.into() };
    let mut status = Status::with_details(code, message, details);
    if let Some(after) = failure.retry_after() {
        // gRFC A6: the server's word on when to retry, which clients of every language understand.
        status.metadata_mut().insert("grpc-retry-pushback-ms", (after.as_millis() as u64).into());
    }
    status
}

/// Cuts at a character's edge.
fn shorten(text: &str) -> &str {
    let mut end = text.len().min(MAX_MESSAGE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details;

    #[test]
    fn every_detail_reaches_the_caller_and_the_cause_does_not() {
        let status = Status::from(
            Fault::resource_exhausted("Too many posts today.")
                .reason("DAILY_POSTS", "timeline")
                .metadata("limit", "100")
                .field("post.text", "is too long")
                .precondition("STATE", "users/u1", "verify the address")
                .quota("users/u1", "100 posts a day")
                .resource("feed.User", "users/u1", "is new")
                .help("limits", "https://example.com/limits")
                .retry_after(Duration::from_millis(1500))
                .cause("bucket 7 is empty"),
        );
        assert_eq!(
            (status.code(), status.message()),
            (tonic::Code::ResourceExhausted, "Too many posts today.")
        );
        let info = details::read::<ErrorInfo>(&status).unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["limit"].as_str()), ("DAILY_POSTS", "100"));
        let bad = details::read::<BadRequest>(&status).unwrap();
        assert_eq!(bad.field_violations[0].field, "post.text");
        assert_eq!(details::read::<PreconditionFailure>(&status).unwrap().violations[0].subject, "users/u1");
        assert_eq!(
            details::read::<QuotaFailure>(&status).unwrap().violations[0].description,
            "100 posts a day"
        );
        assert_eq!(details::read::<ResourceInfo>(&status).unwrap().resource_type, "feed.User");
        assert_eq!(details::read::<Help>(&status).unwrap().links[0].description, "limits");
        let delay = details::read::<RetryInfo>(&status).unwrap().retry_delay.unwrap();
        assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1500");
        assert!(!format!("{status:?}").contains("bucket 7"));
    }

    #[test]
    fn a_status_never_outgrows_the_header_limits_of_clients() {
        let mut fault = Fault::invalid_argument("é".repeat(3000)).reason("TOO_MANY", "test");
        for index in 0..500 {
            fault = fault.field(format!("items[{index}]"), "is wrong in a way that takes some words to say");
        }
        let status = Status::from(fault);
        assert_eq!(status.message(), "é".repeat(512));
        assert!(status.details().len() <= MAX_DETAILS_BYTES);
        assert_eq!(details::read::<ErrorInfo>(&status).unwrap().reason, "TOO_MANY");
        assert_eq!(details::read::<BadRequest>(&status), None);
    }

    #[test]
    fn a_plain_failure_has_no_details() {
        let status = status(&Failure::new(Code::NotFound, "No such user."));
        assert_eq!((status.code(), status.details().len()), (tonic::Code::NotFound, 0));
    }
}
