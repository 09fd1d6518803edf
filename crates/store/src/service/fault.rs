//! What callers are told when it does not go as asked.

use crate::catalogue::{Known, Refused};
use crate::commit::{NotUnique, Refusal};
use crate::engine::EngineError;
use crate::item::Item;
use crate::owner::OwnerError;
use crate::quota::Over;
use crate::typed::{Problem, State};
use std::time::Duration;
use tenet_error::GrpcCode;
use tenet_service::Fault;
use tonic::Status;

/// Who defines the reasons.
pub(super) const DOMAIN: &str = "store.tenet";

/// A caller that is told to wait for less would be back before the answer was.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

/// How long to wait before trying again what found no room.
const FULL_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn missing(field: &str) -> Status {
    invalid(field, "it is missing".into())
}

pub(super) fn invalid(field: &str, what: String) -> Status {
    Fault::invalid_argument("The request has an invalid field.").field(field, what).into()
}

/// A name that is none for this caller.
pub(super) fn refused(refused: Refused, namespace: &str, collection: Option<&str>) -> Status {
    let hint =
        |nearest: Option<String>| nearest.map_or_else(String::new, |name| format!(" Did you mean {name:?}?"));
    let what = collection.map_or_else(|| namespace.to_owned(), |name| format!("{namespace}/{name}"));
    let fault = match refused {
        Refused::Unknown => Fault::unauthenticated("No service is known by this secret."),
        Refused::Other { caller, owner } => Fault::permission_denied(format!(
            "{namespace:?} belongs to the service {owner:?}, and {caller:?} asks. To share data, its owner publishes a method."
        ))
        .reason("NOT_THE_OWNER", DOMAIN),
        Refused::NoNamespace(nearest) => {
            Fault::not_found(format!("There is no namespace {namespace:?}.{}", hint(nearest)))
        }
        Refused::NoCollection(nearest) => {
            Fault::not_found(format!("There is no collection {what:?}.{}", hint(nearest)))
        }
    };
    fault.resource("tenet.store.v1.Collection", what, "it is not declared for this caller").into()
}

/// What is watched left the release, or keeps no changes in it.
pub(super) fn not_served() -> Status {
    Fault::failed_precondition(
        "The collection is no longer watched: in the release that serves now it is not there, or keeps no changes.",
    )
    .reason("NOT_SERVED", DOMAIN)
    .into()
}

/// What is written is not what the collection's schema says.
pub(super) fn not_of_schema(problem: &Problem, field: String) -> Status {
    let fault = Fault::new(GrpcCode::InvalidArgument, "The value is not what the collection keeps.");
    let fault = fault.field(field, problem.to_string());
    let fault = match problem {
        Problem::Elsewhere(mismatch) => fault
            .reason("ADDRESS_MISMATCH", DOMAIN)
            .metadata("field", mismatch.field.clone())
            .metadata("found", mismatch.found.clone())
            .metadata("expected", mismatch.expected.clone()),
        Problem::NotTheMessage { message, what } => fault
            .reason("NOT_THE_MESSAGE", DOMAIN)
            .metadata("message", message.clone())
            .metadata("what", what.clone()),
        Problem::Addition { message } => {
            fault.reason("NOT_THE_MESSAGE", DOMAIN).metadata("message", message.clone())
        }
        Problem::TooLong { size } => {
            fault.reason("TOO_LONG_FOR_INDEX", DOMAIN).metadata("size", size.to_string())
        }
    };
    fault.into()
}

/// The namespace has reached a limit of its own.
pub(super) fn over(over: Over, known: &Known) -> Status {
    let namespace = &known.name.namespace;
    let fault = match over {
        Over::Rate { limit, allowed, wait } => Fault::resource_exhausted(format!(
            "The namespace {namespace} asks for more than its quota lets it: {} = {allowed} a second. Nothing was done.",
            limit.name()
        ))
        .reason("RATE_EXCEEDED", DOMAIN)
        .metadata("limit", limit.name())
        .metadata("allowed", allowed.to_string())
        .retry_after(wait.max(LEAST_PAUSE)),
        Over::Size { limit, allowed, used } => Fault::resource_exhausted(format!(
            "The namespace {namespace} keeps as much as its quota lets it: {} = {allowed}. Nothing was written; what is no longer needed can be deleted.",
            limit.name()
        ))
        .reason("QUOTA_EXCEEDED", DOMAIN)
        .metadata("limit", limit.name())
        .metadata("allowed", allowed.to_string())
        .metadata("used", used.to_string()),
    };
    fault.metadata("namespace", namespace.to_string()).into()
}

/// The collection has other indexes than this process knows, for now.
pub(super) fn outdated() -> Status {
    Fault::unavailable("The collection is changing; nothing was written.")
        .reason("COLLECTION_CHANGING", DOMAIN)
        .retry_after(FULL_PAUSE)
        .into()
}

/// An index has not all items yet.
pub(super) fn index_not_ready(index: &str, state: &State) -> Status {
    let (phase, done) = (state.phase().said(), state.done);
    let message = match state.problem.as_str() {
        "" => format!("The index {index:?} is {phase}: {done} items so far."),
        problem => format!("The index {index:?} is {phase} and cannot go on: {problem}"),
    };
    Fault::failed_precondition(message)
        .reason("INDEX_NOT_READY", DOMAIN)
        .metadata("index", index)
        .metadata("state", phase)
        .metadata("items_done", done.to_string())
        .into()
}

/// A commit that did not happen.
pub(super) fn not_done(refusal: Refusal, known: &Known) -> Status {
    let failed = |message: &'static str| Fault::failed_precondition(message);
    let of = |item: Option<&Item>| {
        item.map_or_else(|| "absent".to_owned(), |item| format!("version {}", item.version.0))
    };
    match refusal {
        Refusal::Condition { change, condition, found } => {
            failed("A condition does not hold; nothing was written.")
                .reason("CONDITION_FAILED", DOMAIN)
                .metadata("change", change.to_string())
                .metadata("condition", condition.to_string())
                .metadata("found", of(found.as_ref()))
        }
        Refusal::Fenced { current } => failed("The lease is not held with this token; nothing was written.")
            .reason("FENCED", DOMAIN)
            .metadata("current", current.map_or_else(|| "none".to_owned(), |token| token.0.to_string())),
        Refusal::NotANumber { what, .. } => failed("A number cannot be added to; nothing was written.")
            .reason("NOT_A_NUMBER", DOMAIN)
            .metadata("what", what),
        Refusal::NotUnique(taken) => {
            let NotUnique { index, holder, .. } = *taken;
            let record = known.typed.as_ref().map_or_else(String::new, |typed| typed.show(&holder));
            Fault::already_exists("A unique index has these values already; nothing was written.")
                .reason("UNIQUE_INDEX", DOMAIN)
                .metadata("index", index)
                .metadata("record", record)
        }
        Refusal::Outdated => return outdated(),
    }
    .into()
}

/// An owner or engine that did not answer as asked.
pub(super) fn owner(error: OwnerError) -> Status {
    match error {
        OwnerError::Full { waiting } => Fault::resource_exhausted("The store has more to do than it can.")
            .cause(format!("{waiting} calls wait"))
            .retry_after(FULL_PAUSE)
            .into(),
        OwnerError::Crowded { waiting } => {
            Fault::resource_exhausted("This record has more to do than it can.")
                .reason("RECORD_CROWDED", DOMAIN)
                .cause(format!("{waiting} calls of it wait"))
                .retry_after(FULL_PAUSE)
                .into()
        }
        OwnerError::Ending => Fault::unavailable("This instance of the store is ending.").into(),
        OwnerError::Engine(error) => engine(&error),
    }
}

/// See [`EngineError`].
pub(super) fn engine(error: &EngineError) -> Status {
    let cause = error.to_string();
    match error {
        EngineError::Unavailable(_) => Fault::unavailable("The engine cannot be reached; nothing was done."),
        EngineError::Unknown(_) => {
            Fault::new(tenet_error::GrpcCode::Unknown, "It is not known whether this was done; send it again with its token.")
                .reason("OUTCOME_UNKNOWN", DOMAIN)
        }
        EngineError::Full(_) => Fault::resource_exhausted("The engine has no room; nothing was written.").reason("ENGINE_FULL", DOMAIN),
        EngineError::Corrupt { .. } => {
            Fault::new(tenet_error::GrpcCode::DataLoss, "What is stored here is damaged, and is not served.").reason("DAMAGED", DOMAIN)
        }
        EngineError::TooOld { .. } => Fault::out_of_range(
            "Changes after this token are no longer kept. Scan, then watch from the token that the scan gives.",
        )
        .reason("TOKEN_TOO_OLD", DOMAIN),
        EngineError::NoCollection(_) | EngineError::Owned { .. } | EngineError::Broken(_) => {
            Fault::internal("The store failed.")
        }
    }
    .cause(cause)
    .into()
}
