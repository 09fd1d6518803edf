//! `grpc.health.v1.Health/Check` over an HTTP/2 connection that is kept between checks.

mod answer;

use super::fault::Fault;
use super::target::Target;
use super::wire;
use crate::task::Task;
use ::h2::client::{Builder, SendRequest};
use answer::Status;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use std::time::Duration;
use tenet_resilience::timeout;
use tokio::time::{Instant, timeout_at};

/// Largest response head in bytes: a status and a sentence.
const HEADER_LIST_MAX: u32 = 16 << 10;

/// gRPC status codes that mean: there is no such service here, or not for us. Whoever says so is alive.
const WITHOUT_SERVICE: [&[u8]; 4] = [
    b"12", // UNIMPLEMENTED
    b"5",  // NOT_FOUND: the health service knows single services and not the server as a whole
    b"7",  // PERMISSION_DENIED
    b"16", // UNAUTHENTICATED
];

/// The check of one instance.
#[derive(Debug)]
pub(super) struct GrpcCheck {
    timeout: Duration,
    kept: Option<Kept>,
    /// Whether it was logged that the instance has no health service.
    logged: bool,
}

/// An open connection.
#[derive(Debug)]
struct Kept {
    send: SendRequest<Bytes>,
    driver: Task,
}

/// What an answer says.
enum Said {
    Serving,
    WithoutService(String),
}

impl GrpcCheck {
    pub(super) fn new(target: &Target) -> GrpcCheck {
        GrpcCheck { timeout: target.timeout(), kept: None, logged: false }
    }

    /// One check, over by `deadline`.
    pub(super) async fn run(&mut self, target: &Target, deadline: Instant) -> Result<(), Fault> {
        let said = self.ask(target, deadline).await?;
        if let Said::WithoutService(why) = said
            && !std::mem::replace(&mut self.logged, true)
        {
            tracing::info!(
                service = &*target.state.service,
                instance = &*target.state.instance.id,
                "has no grpc.health.v1.Health ({why}): any answer passes its checks"
            );
        }
        Ok(())
    }

    async fn ask(&mut self, target: &Target, deadline: Instant) -> Result<Said, Fault> {
        if let Some(kept) = self.kept.take().filter(|kept| !kept.driver.is_finished()) {
            match self.ask_over(target, kept, deadline).await {
                // An instance may end an idle connection whenever it likes; whether it takes another one counts.
                Err(fault) if fault.is_of_connection() => {}
                result => return result,
            }
        }
        let stream = wire::connect(target.address(), deadline, self.timeout).await?;
        let handshake = Builder::new()
            .max_header_list_size(HEADER_LIST_MAX)
            .enable_push(false)
            .handshake::<_, Bytes>(stream);
        let (send, connection) = timeout_at(deadline, handshake)
            .await
            .map_err(|_| Fault::Silent(self.timeout))?
            .map_err(|error| Fault::of_h2(&error))?;
        let driver = Task::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a health check's connection ended");
            }
        });
        self.ask_over(target, Kept { send, driver }, deadline).await
    }

    /// Asks, and keeps the connection where an answer shows that it is sound.
    async fn ask_over(&mut self, target: &Target, mut kept: Kept, deadline: Instant) -> Result<Said, Fault> {
        let exchange = exchange(&mut kept.send, request(target)?);
        let said = timeout_at(deadline, exchange).await.map_err(|_| Fault::Silent(self.timeout))??;
        self.kept = Some(kept);
        said
    }
}

fn request(target: &Target) -> Result<Request<()>, Fault> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("http://{}/grpc.health.v1.Health/Check", target.address()))
        .version(Version::HTTP_2)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, wire::USER_AGENT)
        // The instance should not work on an answer for longer than it is waited for.
        .header("grpc-timeout", timeout::format(target.timeout()).as_bytes())
        .body(())
        .map_err(|error| Fault::BadAnswer(format!("the instance cannot be asked: {error}")))
}

/// One call. The outer error is the connection's, the inner what the answer means.
async fn exchange(send: &mut SendRequest<Bytes>, request: Request<()>) -> Result<Result<Said, Fault>, Fault> {
    let lost = |error: ::h2::Error| Fault::of_h2(&error);
    let mut ready = send.clone().ready().await.map_err(lost)?;
    let (response, mut stream) = ready.send_request(request, false).map_err(lost)?;
    if let Err(error) = stream.send_data(Bytes::from_static(answer::REQUEST), true) {
        // The answer says more, where one has come.
        tracing::trace!(%error, "a health check's request was not taken");
    }
    let (head, mut body) = response.await.map_err(lost)?.into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(lost)?;
        // Where this fails the stream is over.
        let _ = body.flow_control().release_capacity(piece.len());
        if bytes.len() + piece.len() > answer::ANSWER_MAX {
            return Err(Fault::BadAnswer(format!("longer than {} bytes", answer::ANSWER_MAX)));
        }
        bytes.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await.map_err(lost)?;
    Ok(judge(&Response::from_parts(head, ()), trailers.as_ref(), &bytes))
}

/// What a complete answer means.
fn judge(head: &Response<()>, trailers: Option<&HeaderMap>, body: &[u8]) -> Result<Said, Fault> {
    // A trailers-only answer has its status in the head (gRPC over HTTP/2, "Trailers-Only").
    let of = |headers: &HeaderMap| headers.get("grpc-status").cloned();
    let status = trailers.and_then(of).or_else(|| of(head.headers()));
    let Some(status) = status else {
        let code = head.status();
        // Whoever answers so to what it does not know speaks HTTP/2 and is alive; but not who is too busy to tell.
        return if code.is_server_error() || code == StatusCode::TOO_MANY_REQUESTS {
            Err(Fault::BadAnswer(format!("HTTP status {}", code.as_u16())))
        } else {
            Ok(Said::WithoutService(format!("HTTP status {} and no grpc-status", code.as_u16())))
        };
    };
    let code = String::from_utf8_lossy(status.as_bytes());
    if WITHOUT_SERVICE.contains(&status.as_bytes()) {
        return Ok(Said::WithoutService(format!("grpc-status {code}")));
    }
    if status.as_bytes() != b"0" {
        return Err(Fault::BadAnswer(format!("grpc-status {code}")));
    }
    match answer::read(body) {
        Ok(Status::Serving) => Ok(Said::Serving),
        Ok(Status::NotServing) => Err(Fault::NotServing),
        Ok(Status::Other(number)) => Err(Fault::BadAnswer(format!("serving status {number}"))),
        Err(what) => Err(Fault::BadAnswer(what.into())),
    }
}
