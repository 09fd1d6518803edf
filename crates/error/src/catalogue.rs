//! The catalogue itself: one row per way a request can end.
//!
//! A row is added by one line in the table below; its page at `/errors/CODE`, its line in `docs/errors.md`, its
//! metric label and its place in both protocols follow from that line.

use crate::GrpcCode;

/// Whether repeating the same request may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same request will end the same way.
    Never,
    /// The request did not run: any method may be repeated, after a back-off.
    Safe,
    /// The request may have run: only what is idempotent may be repeated.
    Idempotent,
}

/// Who has to change something for this to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Nobody: the request succeeded.
    Nobody,
    /// The caller sent something that cannot be served.
    Caller,
    /// Tenet itself, or its configuration.
    Us,
    /// A service behind the gateway.
    Dependency,
}

impl Retry {
    /// The word used in problem bodies, documents and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Retry::Never => "never",
            Retry::Safe => "safe",
            Retry::Idempotent => "idempotent",
        }
    }
}

impl Blame {
    /// The word used in problem bodies, documents and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Blame::Nobody => "nobody",
            Blame::Caller => "caller",
            Blame::Us => "us",
            Blame::Dependency => "dependency",
        }
    }
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The code this row describes.
    pub code: Code,
    /// Stable upper-snake name, the last part of the problem's `type`.
    pub name: &'static str,
    /// HTTP status code of the public answer.
    pub http: u16,
    /// gRPC status code of the public answer.
    pub grpc: GrpcCode,
    /// Whether repeating may help.
    pub retry: Retry,
    /// Who has to act.
    pub blame: Blame,
    /// The problem's `title`: the same for every occurrence (RFC 9457 §3.1.3).
    pub title: &'static str,
    /// What it means and what to do, for the page at `/errors/CODE`.
    pub explanation: &'static str,
}

macro_rules! catalogue {
    ($($code:ident $name:literal $http:literal $grpc:ident $retry:ident $blame:ident $title:literal $text:literal;)*) => {
        /// How a request ended. The discriminant indexes the catalogue and is not stable; the name is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        static ENTRIES: &[Entry] = &[
            $(Entry {
                code: Code::$code,
                name: $name,
                http: $http,
                grpc: GrpcCode::$grpc,
                retry: Retry::$retry,
                blame: Blame::$blame,
                title: $title,
                explanation: $text,
            },)*
        ];
    };
}

catalogue! {
    Ok "OK" 200 Ok Never Nobody "Success" "The request was served.";

    // How a service answered: its gRPC status, one row each (google/rpc/code.proto gives the HTTP column).
    Cancelled "CANCELLED" 499 Cancelled Never Caller "Cancelled by the caller" "The caller closed the connection or cancelled the call before the answer was complete. What ran until then may have had effects.";
    Unknown "UNKNOWN" 500 Unknown Idempotent Dependency "Unknown error of the service" "The service answered with an error that carries no known status. Its owner should return a specific code.";
    InvalidArgument "INVALID_ARGUMENT" 400 InvalidArgument Never Caller "Invalid argument" "The service refused a value in the request whatever the state of the system. The details name the field; correct it and send again.";
    NotFound "NOT_FOUND" 404 NotFound Never Caller "Not found" "The service knows no such resource. Check the identifiers in the path.";
    AlreadyExists "ALREADY_EXISTS" 409 AlreadyExists Never Caller "Already exists" "A resource with this identity exists. Read it, or create another.";
    PermissionDenied "PERMISSION_DENIED" 403 PermissionDenied Never Caller "Permission denied" "The caller is known but may not do this.";
    ResourceExhausted "RESOURCE_EXHAUSTED" 429 ResourceExhausted Safe Caller "Quota or resource exhausted" "A limit was reached. Wait as long as Retry-After says, then send less.";
    FailedPrecondition "FAILED_PRECONDITION" 400 FailedPrecondition Never Caller "Failed precondition" "The system is not in the state this request needs. Change that state first; repeating alone does not help.";
    Aborted "ABORTED" 409 Aborted Safe Caller "Aborted" "The request lost a race with another. Read again and repeat the whole transaction.";
    OutOfRange "OUT_OF_RANGE" 400 OutOfRange Never Caller "Out of range" "A value is past the end of what exists, for instance a page behind the last.";
    Unimplemented "UNIMPLEMENTED" 501 Unimplemented Never Dependency "Not implemented by the service" "The service does not implement this method. The contract may be newer than the running version.";
    ServiceInternal "INTERNAL" 500 Internal Idempotent Dependency "Internal error of the service" "The service broke one of its own invariants. Give its owner the request id.";
    ServiceUnavailable "UNAVAILABLE" 503 Unavailable Safe Dependency "The service is unavailable" "The service cannot serve now, most likely for a short time. Repeat with back-off.";
    DataLoss "DATA_LOSS" 500 DataLoss Never Dependency "Data loss" "The service found data lost or corrupted beyond repair. Give its owner the request id.";
    Unauthenticated "UNAUTHENTICATED" 401 Unauthenticated Never Caller "Unauthenticated" "No valid credentials came with the request.";
    ServiceDeadline "DEADLINE_EXCEEDED" 504 DeadlineExceeded Idempotent Dependency "The service ran out of time" "The service gave up because its deadline passed. The work may have been done.";

    // A plain HTTP upstream answered with an error status of its own, which is passed on as it came.
    UpstreamHttp4xx "UPSTREAM_HTTP_4XX" 400 InvalidArgument Never Caller "The upstream refused the request" "A plain HTTP upstream answered with a 4xx status; its answer was passed on unchanged.";
    UpstreamHttp5xx "UPSTREAM_HTTP_5XX" 500 Unknown Idempotent Dependency "The upstream failed" "A plain HTTP upstream answered with a 5xx status; its answer was passed on unchanged.";

    // The request never became a call: the head or its framing cannot be read (RFC 9112, RFC 9113).
    MalformedRequest "MALFORMED_REQUEST" 400 InvalidArgument Never Caller "Malformed request" "The bytes are not a well-formed HTTP request. The detail names the rule and the place.";
    AmbiguousFraming "AMBIGUOUS_FRAMING" 400 InvalidArgument Never Caller "Ambiguous message framing" "The request could be read as two different messages: conflicting Content-Length or Transfer-Encoding. Such requests are refused because two parties may disagree on where they end (RFC 9112 §6.3).";
    HeadTooLarge "HEAD_TOO_LARGE" 431 ResourceExhausted Never Caller "Request header fields too large" "The header section exceeds the limit of bytes or of fields.";
    TargetTooLong "TARGET_TOO_LONG" 414 InvalidArgument Never Caller "Request target too long" "The path and query exceed the limit.";
    UnknownTransferCoding "UNKNOWN_TRANSFER_CODING" 501 Unimplemented Never Caller "Transfer coding not implemented" "Only one final `chunked` transfer coding is understood (RFC 9112 §6.1).";
    UnknownMethod "UNKNOWN_METHOD" 501 Unimplemented Never Caller "Method not implemented" "The gateway does not implement this HTTP method, for any resource (RFC 9110 §15.6.2).";
    HttpVersion "HTTP_VERSION_NOT_SUPPORTED" 505 Unimplemented Never Caller "HTTP version not supported" "The gateway speaks HTTP/1.0, HTTP/1.1 and HTTP/2.";
    ExpectationFailed "EXPECTATION_FAILED" 417 InvalidArgument Never Caller "Expectation failed" "The only expectation understood is `100-continue` (RFC 9110 §10.1.1).";
    Misdirected "MISDIRECTED_REQUEST" 421 NotFound Never Caller "Misdirected request" "This gateway does not serve the authority the request names.";
    HeaderTimeout "HEADER_TIMEOUT" 408 DeadlineExceeded Safe Caller "The request head did not arrive in time" "The connection was open but the head did not arrive within the limit.";
    BodyTimeout "BODY_TIMEOUT" 408 DeadlineExceeded Safe Caller "The request body did not arrive in time" "The body stalled for longer than the limit.";
    ProtocolViolation "PROTOCOL_VIOLATION" 400 InvalidArgument Never Caller "HTTP/2 protocol violation" "The connection or stream broke RFC 9113 and was reset.";
    Flood "FLOOD" 429 ResourceExhausted Safe Caller "Too many control frames" "The connection sent control frames or resets faster than useful requests and was closed with ENHANCE_YOUR_CALM.";
    TlsHandshake "TLS_HANDSHAKE_FAILED" 400 InvalidArgument Never Caller "TLS handshake failed" "No TLS session was agreed. No HTTP answer could be sent.";
    ProxyHeader "PROXY_HEADER_INVALID" 400 InvalidArgument Never Caller "Invalid PROXY protocol header" "The listener expects a PROXY protocol v2 header and got none, or a broken one. No HTTP answer could be sent.";

    // The request is well-formed but nothing here serves it so.
    RouteNotFound "ROUTE_NOT_FOUND" 404 Unimplemented Never Caller "No such route" "No endpoint has this path. The reference at /docs lists them all.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 Unimplemented Never Caller "Method not allowed" "The path exists but not with this HTTP method; Allow lists those that do.";
    NotAcceptable "NOT_ACCEPTABLE" 406 InvalidArgument Never Caller "Not acceptable" "The endpoint cannot produce any media type that Accept allows.";
    LengthRequired "LENGTH_REQUIRED" 411 InvalidArgument Never Caller "Length required" "A request with a body over HTTP/1.0 must say its length.";
    BodyTooLarge "BODY_TOO_LARGE" 413 ResourceExhausted Never Caller "Request body too large" "The body exceeds the limit of the endpoint.";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 InvalidArgument Never Caller "Unsupported media type" "The endpoint reads application/json; the request says its body is something else, or encodes it.";
    InvalidJson "INVALID_JSON" 400 InvalidArgument Never Caller "The body is not valid JSON for this method" "The body does not parse as the ProtoJSON form of the request message. The detail names the field and the byte offset.";
    InvalidParameter "INVALID_PARAMETER" 400 InvalidArgument Never Caller "Invalid path or query parameter" "A path or query parameter cannot be read as the field it is bound to.";
    UnknownField "UNKNOWN_FIELD" 400 InvalidArgument Never Caller "Unknown field or parameter" "The service is strict and the request carries a field or a query parameter its contract does not have.";

    // The gateway or what stands behind it could not serve it.
    Overloaded "OVERLOADED" 503 Unavailable Safe Us "Overloaded" "A bound of the gateway was reached and the request was refused at once. Retry-After says when to come back.";
    Draining "DRAINING" 503 Unavailable Safe Us "Shutting down" "This process is draining and takes no new requests. Repeat on a new connection.";
    NoInstance "NO_INSTANCE" 503 Unavailable Safe Dependency "No instance available" "The service has no healthy instance now.";
    ConnectFailed "CONNECT_FAILED" 503 Unavailable Safe Dependency "Could not connect to the service" "No connection to an instance could be opened. The request was not sent.";
    ConnectionLost "CONNECTION_LOST" 502 Unavailable Idempotent Dependency "The connection to the service was lost" "The instance closed or reset the connection before its answer was complete. The request may have run.";
    UpstreamProtocol "UPSTREAM_PROTOCOL_ERROR" 502 Internal Idempotent Dependency "The service broke the protocol" "The instance answered with something that is not valid HTTP or gRPC.";
    UpstreamBody "UPSTREAM_BODY_INVALID" 502 Internal Never Dependency "The service's message cannot be read" "The answer is not a message of the type in the contract, or exceeds the limit. The contract and the running version may differ.";
    DeadlineExceeded "GATEWAY_DEADLINE_EXCEEDED" 504 DeadlineExceeded Idempotent Dependency "Deadline exceeded" "The call's deadline passed before the service answered. The work may have been done.";
    Internal "GATEWAY_INTERNAL" 500 Internal Idempotent Us "Internal error of the gateway" "The gateway broke one of its own invariants. Report the request id.";
    Panic "GATEWAY_PANIC" 500 Internal Idempotent Us "Internal error of the gateway (panic)" "The code that served this request panicked; the request ended and the process went on. Report the request id.";
    StreamingNotMapped "STREAMING_NOT_MAPPED" 501 Unimplemented Never Us "Streaming methods have no REST form yet" "The binding belongs to a streaming method, which this version serves over gRPC only.";
}

impl Code {
    /// The row of this code.
    pub fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// All rows in the order of the table.
    pub fn all() -> &'static [Entry] {
        ENTRIES
    }

    /// The code with this stable name (exactly as spelled in the catalogue).
    pub fn from_name(name: &str) -> Option<Code> {
        ENTRIES.iter().find(|entry| entry.name == name).map(|entry| entry.code)
    }

    /// The code whose discriminant is `index`, for columns keyed by it.
    pub fn from_index(index: usize) -> Option<Code> {
        ENTRIES.get(index).map(|entry| entry.code)
    }

    /// How many codes there are: the length of an array indexed by `code as usize`.
    pub const COUNT: usize = ENTRIES.len();

    /// The code under which a status returned by a service is recorded and answered.
    pub fn from_service(grpc: GrpcCode) -> Code {
        match grpc {
            GrpcCode::Ok => Code::Ok,
            GrpcCode::Cancelled => Code::Cancelled,
            GrpcCode::Unknown => Code::Unknown,
            GrpcCode::InvalidArgument => Code::InvalidArgument,
            GrpcCode::DeadlineExceeded => Code::ServiceDeadline,
            GrpcCode::NotFound => Code::NotFound,
            GrpcCode::AlreadyExists => Code::AlreadyExists,
            GrpcCode::PermissionDenied => Code::PermissionDenied,
            GrpcCode::ResourceExhausted => Code::ResourceExhausted,
            GrpcCode::FailedPrecondition => Code::FailedPrecondition,
            GrpcCode::Aborted => Code::Aborted,
            GrpcCode::OutOfRange => Code::OutOfRange,
            GrpcCode::Unimplemented => Code::Unimplemented,
            GrpcCode::Internal => Code::ServiceInternal,
            GrpcCode::Unavailable => Code::ServiceUnavailable,
            GrpcCode::DataLoss => Code::DataLoss,
            GrpcCode::Unauthenticated => Code::Unauthenticated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_is_whole_and_its_name_unique() {
        let mut names = HashSet::new();
        for (index, entry) in Code::all().iter().enumerate() {
            assert_eq!(entry.code as usize, index);
            assert!(names.insert(entry.name), "{} twice", entry.name);
            assert_eq!(Code::from_name(entry.name), Some(entry.code));
            assert!(!entry.title.is_empty() && entry.explanation.len() > 20, "{}", entry.name);
        }
    }

    #[test]
    fn only_ok_is_a_success_in_either_protocol() {
        for entry in Code::all() {
            assert_eq!(entry.http < 400, entry.code == Code::Ok, "{}", entry.name);
            assert_eq!(entry.grpc == GrpcCode::Ok, entry.code == Code::Ok, "{}", entry.name);
        }
    }

    #[test]
    fn every_status_of_a_service_keeps_its_number() {
        for grpc in GrpcCode::ALL {
            assert_eq!(Code::from_service(grpc).entry().grpc, grpc);
        }
    }
}
