//! A catalogued failure as the gRPC status its caller reads.

use crate::AnswerBody;
use http::Response;
use prost::Message;
use tenet_error::{Detail, Failure, status_details};
use tonic::{Code, Status};

/// `google.rpc.ErrorInfo`, as far as it is written.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
}

/// The status of a failure of our own, with the catalogue's name in `google.rpc.ErrorInfo`: many of them share a gRPC code.
pub(crate) fn status(failure: &Failure) -> Status {
    let entry = failure.entry();
    let info = ErrorInfo { reason: entry.name.to_owned(), domain: "tenet".to_owned() };
    let detail = Detail {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
        value: info.encode_to_vec().into(),
    };
    let details = [failure.details().to_vec(), vec![detail]].concat();
    let failure = failure.clone().with_details(details);
    let code = Code::from_i32(entry.grpc.number().into());
    Status::with_details(code, failure.message(), status_details(&failure).into())
}

/// An answer that is nothing but a head with the status ("Trailers-Only").
pub(crate) fn answer(failure: &Failure) -> Response<AnswerBody> {
    if let Some(cause) = failure.cause() {
        tracing::debug!(code = failure.code().name(), cause, "a call has no answer");
    }
    status(failure).into_http()
}
