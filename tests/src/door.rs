//! A public door to knock at: one gateway over an echoing gRPC service and an echoing plain HTTP service, with a ledger
//! of how every request is expected to end.
//!
//! ```text
//!   /v1/echo/{name} · /v1/echo · /v1/slow · /v1/impatient · door.v1.Echo/Chat ──► GrpcBackend (answers the request message)
//!   /plain/... (http1) · /plain2/... (http2)                                  ──► HttpBackend, GrpcBackend
//! ```
//!
//! Request and reply messages have the same fields, so that an echo of the wire bytes is a valid answer.

use crate::backend::{Answer, Call, GrpcBackend, HttpBackend};
use crate::http1::Response;
use crate::ledger::Ledger;
use crate::{Gateway, Project, eventually};
use std::time::Duration;

/// The contract behind the door.
const CONTRACT: &str = r#"syntax = "proto3";
package door.v1;
import "google/api/annotations.proto";
import "tenet/policy/v1/policy.proto";

// Answers what it is sent.
service Echo {
  option (tenet.policy.v1.service) = { group: "echo" };
  rpc Get(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/echo/{name}" };
    option idempotency_level = NO_SIDE_EFFECTS;
  }
  rpc Post(Words) returns (Words) {
    option (google.api.http) = { post: "/v1/echo" body: "*" };
  }
  // Answers after half a second.
  rpc Slow(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/slow" };
  }
  // Answers after half a second, and promised to within a tenth.
  rpc Impatient(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/impatient" };
    option (tenet.policy.v1.method) = { deadline: { nanos: 100000000 } };
  }
  // Refuses with NOT_FOUND.
  rpc Lost(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/lost" };
  }
  // Streams both ways; a test scripts its backend. Without a binding it would not be public.
  rpc Chat(stream Words) returns (stream Words) {
    option (google.api.http) = { post: "/v1/chat" body: "*" };
  }
  // Has no binding, so nobody can reach it from outside.
  rpc Hidden(Words) returns (Words);
}

// Cannot be reached from outside although it has a binding.
service Inner {
  option (tenet.policy.v1.service) = { visibility: INTERNAL };
  rpc Get(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/inner" };
  }
}

message Words {
  string name = 1;
  string text = 2;
}
"#;

/// How long `/v1/slow` and `/v1/impatient` take.
pub const SLOW: Duration = Duration::from_millis(500);

/// A gateway, what stands behind it, and how its requests should have ended.
pub struct Door {
    /// The running gateway.
    pub gateway: Gateway,
    /// The project it serves.
    pub project: Project,
    /// The gRPC service.
    pub echo: GrpcBackend,
    /// The plain HTTP/1.1 service behind `/plain`.
    pub plain: HttpBackend,
    /// The plain HTTP/2 service behind `/plain2`.
    pub plain2: GrpcBackend,
    /// Expected outcomes.
    pub ledger: Ledger,
}

impl Door {
    /// A door with the settings of `gateway` (the body of `[gateway]` in `tenet.toml`; tables such as
    /// `[gateway.limits]` may follow) and the defaults for the rest.
    pub fn open(gateway: &str) -> Door {
        Door::open_with(gateway, &[])
    }

    /// [`Door::open`] with node facts in the environment.
    pub fn open_with(gateway: &str, environment: &[(&str, &str)]) -> Door {
        Door::over(GrpcBackend::start(echo), gateway, environment)
    }

    /// [`Door::open_with`] over a gRPC service of the test's own.
    pub fn over(service: GrpcBackend, gateway: &str, environment: &[(&str, &str)]) -> Door {
        Door::before(service, HttpBackend::start(plain), gateway, environment)
    }

    /// [`Door::over`] with a plain service of the test's own too.
    pub fn before(
        service: GrpcBackend,
        plain: HttpBackend,
        gateway: &str,
        environment: &[(&str, &str)],
    ) -> Door {
        let plain2 = GrpcBackend::start(plain_h2);
        let project = Project::new().with("proto/door/v1/door.proto", CONTRACT).with(
            "tenet.toml",
            &format!(
                "[services.echo]\nserves = [\"door.v1.Echo\", \"door.v1.Inner\"]\n\
                 instances = [{{ address = \"{}\", zone = \"a\" }}]\n\
                 [services.plain]\ninstances = [{{ address = \"{}\", zone = \"a\" }}]\n\
                 [services.plain2]\nprotocol = \"http2\"\ninstances = [{{ address = \"{}\", zone = \"a\" }}]\n\
                 [[http]]\nprefix = \"/plain\"\nservice = \"plain\"\n\
                 [[http]]\nprefix = \"/plain2\"\nservice = \"plain2\"\n\
                 [[http]]\nprefix = \"/read-only\"\nservice = \"plain\"\nmethods = [\"GET\"]\n\
                 [gateway]\n{gateway}\n",
                service.address(),
                plain.address(),
                plain2.address(),
            ),
        );
        let gateway = Gateway::start_with(&project, environment);
        Door { gateway, project, echo: service, plain, plain2, ledger: Ledger::default() }
    }

    /// Asserts that the gateway has recorded exactly what the ledger says, no more and no less, and that nothing it
    /// ended is still in flight.
    ///
    /// # Panics
    /// When it has not.
    pub fn settle(&self) {
        self.ledger.settle(&self.gateway);
        eventually("nothing to be in flight", || (self.gateway.status()["in_flight"] == 0).then_some(()));
    }
}

/// What [`Door::open`]'s gRPC service answers.
pub fn echo(call: &Call) -> Answer {
    match call.path.rsplit('/').next() {
        Some("Slow" | "Impatient") => Answer::grpc(&call.message()).after(SLOW),
        Some("Lost") => Answer::grpc_failure(5, "nothing there"),
        _ => Answer::grpc(&call.message()),
    }
}

/// What [`Door::open`]'s plain services answer: the body, and in `x-saw-...` what the tests ask about.
pub fn plain(call: &Call) -> Answer {
    let status = call.header("x-want-status").and_then(|status| status.parse().ok()).unwrap_or(200);
    let delay = call.header("x-want-delay-ms").and_then(|delay| delay.parse().ok()).unwrap_or(0);
    Answer::http(status, call.body.clone())
        .header("x-saw-path", &call.path)
        .header("x-saw-method", call.method.as_str())
        .after(Duration::from_millis(delay))
}

fn plain_h2(call: &Call) -> Answer {
    plain(call).trailer("x-trailer", "end")
}

/// Asserts that `response` is a whole problem document (RFC 9457) of `code` that names its own request.
///
/// # Panics
/// When it is not; `what` says where.
pub fn check_problem(what: &str, response: &Response, status: u16, code: &str) {
    let seen = || format!("{what}: {} {:?} {}", response.status, response.headers, response.text());
    assert_eq!(response.status, status, "{}", seen());
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{}", seen());
    let problem = response.json();
    assert_eq!(problem["code"], code, "{}", seen());
    assert_eq!(problem["status"], status, "{}", seen());
    assert_eq!(problem["type"], format!("/errors/{code}"), "{}", seen());
    let id = problem["request_id"].as_str().unwrap_or_default();
    assert!(!id.is_empty() && response.header("x-request-id") == Some(id), "{}", seen());
}
