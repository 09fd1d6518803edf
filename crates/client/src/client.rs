//! The door: what a program holds and calls through.

use crate::job::{self, Defaults, Doors, Job};
use crate::methods::Methods;
use crate::place::Places;
use crate::{AnswerBody, Builder, Views, metrics, outcome};
use http::uri::Authority;
use http::{Request, Response};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use tenet_error::{Code, Failure};
use tenet_upstream::Shared;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tonic::body::Body;

/// A client of one service: it may be cloned and used from any thread and any runtime, also from none.
///
/// It is what tonic's generated clients take: `AccountsClient::new(client)`. When the last clone is dropped, what is in flight ends
/// within the time that [`Builder::drain`] gives it, and the client's threads with it.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) authority: Authority,
    pub(crate) methods: Methods,
    pub(crate) defaults: Defaults,
    pub(crate) places: Arc<Places>,
    pub(crate) doors: Doors,
    /// Whose turn it is among several threads.
    pub(crate) next: AtomicUsize,
}

impl Client {
    /// A client of the service with this name in `tenet.toml`.
    pub fn builder(service: &str) -> Builder {
        Builder::new(service)
    }

    pub(crate) fn new(inner: Inner) -> Client {
        Client(Arc::new(inner))
    }

    /// How the service and its instances stand with this client.
    pub fn views(&self) -> Views {
        let inner = &self.0;
        Views {
            // There is one service in it, and the threads hold it.
            services: inner.shared.service_views(),
            instances: inner.shared.view(),
            in_flight: inner.places.taken(),
            refused: inner.places.refused(),
        }
    }

    /// Appends what [`views`](Client::views) shows as OpenMetrics 1.0 families, without the `# EOF` that ends a page. Clients of
    /// several services go onto one page through [`Views::write`], since a family may stand there only once.
    pub fn write_metrics(&self, out: &mut String) {
        metrics::write(&[self.views()], out);
    }

    /// Hands a call to a thread.
    fn send(&self, request: Request<Body>) -> Result<oneshot::Receiver<Response<AnswerBody>>, Failure> {
        let inner = &self.0;
        let method = inner.methods.at(request.uri().path());
        let uri = job::uri(request.uri(), &inner.authority)
            .ok_or_else(|| Failure::new(Code::Internal, "The request's path cannot be sent."))?;
        let overloaded = |text| {
            inner.places.refuse();
            Failure::new(Code::Overloaded, text)
        };
        let place =
            inner.places.take().ok_or_else(|| overloaded("Too many calls to the service are under way."))?;
        let (reply, answer) = oneshot::channel();
        let job = Job::new(request, uri, method, &inner.defaults, place, reply)?;
        let turn = match inner.doors.len() {
            0 | 1 => 0,
            several => inner.next.fetch_add(1, Relaxed) % several,
        };
        let door = inner.doors.get(turn).ok_or_else(ended)?;
        match door.try_send(job) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(overloaded("Too many calls to the service wait to be sent.")),
            Err(TrySendError::Closed(_)) => Err(ended()),
        }
    }
}

fn ended() -> Failure {
    Failure::new(Code::Internal, "").with_cause("the client's thread has ended")
}

impl tower_service::Service<Request<Body>> for Client {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    /// Always: what is too much is refused, and does not wait.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        Answering(match self.send(request) {
            Ok(answer) => State::Waiting(answer),
            Err(failure) => State::Refused(failure),
        })
    }
}

/// A call that waits for the head of its answer. Dropped, it cancels the call at once.
///
/// It always ends in a response: where there is no answer, in one that is nothing but a gRPC status.
#[derive(Debug)]
#[must_use = "a call is cancelled when nobody waits for it"]
pub struct Answering(State);

#[derive(Debug)]
enum State {
    Waiting(oneshot::Receiver<Response<AnswerBody>>),
    Refused(Failure),
}

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match &mut self.0 {
            State::Waiting(answer) => match ready!(Pin::new(answer).poll(cx)) {
                Ok(answer) => answer,
                // Its task panicked, or its thread ended before it.
                Err(_) => outcome::answer(&ended()),
            },
            State::Refused(failure) => outcome::answer(failure),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use tower_service::Service;

    #[test]
    fn what_no_thread_takes_is_refused_once_the_channel_is_full() {
        let (door, jobs) = mpsc::channel(2);
        let mut client = Client::new(Inner {
            shared: Arc::new(Shared::dividing()),
            authority: "a".parse().unwrap(),
            methods: Methods::default(),
            defaults: Defaults { deadline: std::time::Duration::from_secs(1), allowance: 3 },
            places: Places::new(9),
            doors: Arc::new([door]),
            next: AtomicUsize::new(0),
        });
        let mut call = || client.call(Request::new(Body::empty()));
        let waiting = [call(), call()];
        assert!(waiting.iter().all(|call| matches!(call.0, State::Waiting(_))));
        let State::Refused(failure) = call().0 else { panic!("there was no room") };
        assert_eq!(failure.code(), Code::Overloaded);
        drop(jobs);
        let State::Refused(failure) = call().0 else { panic!("there was nobody") };
        assert_eq!(failure.code(), Code::Internal);
        assert_eq!((client.views().refused, client.views().in_flight), (1, 0), "places come back");
    }
}
