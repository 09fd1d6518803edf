//! What runs on a client's thread: every call a local task, around one pool.

use crate::AnswerBody;
use crate::allowance::Tree;
use crate::answer::{PIECES_MAX, Piece};
use crate::job::Job;
use crate::outcome;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body::{Body, Frame};
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;
use tenet_error::Failure;
use tenet_resilience::allowance::SPENT;
use tenet_upstream::{Incoming, Pool, ServiceHandle};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long a call waits for the first answer to the question who the instances are: a client may be made before the roster is
/// written, or before DNS has answered.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// What an instance says to whoever called it, and not to the caller's caller: that this attempt did not run, how busy it is.
const OF_THE_ATTEMPT: [HeaderName; 3] = [
    HeaderName::from_static(tenet_resilience::call::NOT_RUN),
    HeaderName::from_static("endpoint-load-metrics-bin"),
    HeaderName::from_static("endpoint-load-metrics"),
];

/// One thread's side of a client.
pub(crate) struct Worker {
    pub(crate) pool: Pool,
    pub(crate) service: ServiceHandle,
    /// Longest unary answer in bytes.
    pub(crate) answer_max: usize,
    /// Whether it was ever known who the instances are.
    pub(crate) known: watch::Receiver<bool>,
    /// The same, as this thread last saw it.
    pub(crate) seen: Cell<bool>,
    /// Calls under way on this thread.
    pub(crate) running: Cell<usize>,
    pub(crate) ended: Notify,
}

impl Worker {
    /// Takes jobs until nobody can send any, then lets those under way end, for at most `drain`.
    pub(crate) async fn run(self: Rc<Worker>, mut jobs: mpsc::Receiver<Box<Job>>, drain: Duration) {
        while let Some(job) = jobs.recv().await {
            spawn_local(Running::new(&self).serve(job));
        }
        let ending = async {
            while self.running.get() > 0 {
                self.ended.notified().await;
            }
            self.pool.drain().await;
        };
        if timeout(drain, ending).await.is_err() {
            tracing::warn!(service = self.service.name(), "calls were cut off: the client has ended");
        }
    }

    async fn instances_known(&self, deadline: Instant) {
        if self.seen.get() {
            return;
        }
        let mut known = self.known.clone();
        let until = deadline.min(Instant::now() + FIRST_ANSWER);
        // Nobody can tell any more where the sender is gone; the call then finds out who is there.
        if timeout_at(until, known.wait_for(|known| *known)).await.is_ok() {
            self.seen.set(true);
        }
    }

    async fn answer(&self, job: Asked) -> (Response<AnswerBody>, Option<Pump>) {
        let Asked { request, unary, terms, tree } = job;
        self.instances_known(terms.deadline).await;
        let body_deadline = terms.tell_deadline.then_some(terms.deadline);
        if unary {
            let reply = self.pool.call_whole(&self.service, request, terms, self.answer_max).await;
            return match reply {
                Ok(reply) => (whole(reply.head, reply.body, reply.trailers, &tree), None),
                Err(error) => (failed(&error.failure, &tree), None),
            };
        }
        match self.pool.call(&self.service, request, terms).await {
            Ok(reply) => streamed(reply.response, tree, body_deadline),
            Err(error) => (failed(&error.failure, &tree), None),
        }
    }
}

/// A job without whoever waits for it.
struct Asked {
    request: http::Request<tenet_upstream::Outgoing<crate::request::Upload>>,
    unary: bool,
    terms: tenet_upstream::CallTerms,
    tree: Tree,
}

/// One call under way on this thread.
struct Running(Rc<Worker>);

impl Running {
    fn new(worker: &Rc<Worker>) -> Running {
        worker.running.set(worker.running.get() + 1);
        Running(worker.clone())
    }

    async fn serve(self, job: Box<Job>) {
        let Job { request, method, terms, tree, mut reply, place } = *job;
        let asked = Asked { request, unary: method.unary, terms, tree };
        let (answer, pump) = {
            let mut answering = pin!(self.0.answer(asked));
            tokio::select! {
                biased;
                answered = &mut answering => answered,
                // Dropped with its attempts: nobody waits.
                () = reply.closed() => return,
            }
        };
        if reply.send(answer).is_ok()
            && let Some(pump) = pump
        {
            pump.run().await;
        }
        drop(place);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let running = self.0.running.get() - 1;
        self.0.running.set(running);
        if running == 0 {
            self.0.ended.notify_one();
        }
    }
}

fn failed(failure: &Failure, tree: &Tree) -> Response<AnswerBody> {
    let mut answer = outcome::answer(failure);
    tree.end(answer.headers_mut());
    answer
}

/// Ends the call in its last fields.
fn end(fields: &mut HeaderMap, tree: &Tree) {
    strip(fields);
    tree.end(fields);
}

/// Takes out what the instance said of its own attempts; what all of them spent is said at the end.
fn strip(fields: &mut HeaderMap) {
    OF_THE_ATTEMPT.iter().for_each(|name| drop(fields.remove(name)));
    fields.remove(SPENT);
}

fn whole(
    mut head: http::response::Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
    tree: &Tree,
) -> Response<AnswerBody> {
    let mut trailers = trailers;
    match &mut trailers {
        Some(trailers) => {
            strip(&mut head.headers);
            end(trailers, tree);
        }
        None => end(&mut head.headers, tree),
    }
    Response::from_parts(head, AnswerBody::whole(body, trailers))
}

fn streamed(
    response: Response<Incoming>,
    tree: Tree,
    deadline: Option<Instant>,
) -> (Response<AnswerBody>, Option<Pump>) {
    let (mut head, mut incoming) = response.into_parts();
    if incoming.is_end_stream() || head.status != StatusCode::OK {
        // What something in between says in its body is nothing a gRPC caller could read.
        end(&mut head.headers, &tree);
        return (Response::from_parts(head, AnswerBody::default()), None);
    }
    if let Some(deadline) = deadline {
        incoming.set_deadline(deadline);
    }
    strip(&mut head.headers);
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let answer = Response::from_parts(head, AnswerBody::pieces(pieces, deadline));
    (answer, Some(Pump { incoming, sender, tree, deadline }))
}

/// Carries an answer's body across, piece by piece.
struct Pump {
    incoming: Incoming,
    sender: mpsc::Sender<Piece>,
    tree: Tree,
    deadline: Option<Instant>,
}

impl Pump {
    /// Reads a piece only when there is room for it: what was read counts against the instance's window until the next is asked for.
    async fn run(mut self) {
        loop {
            let Some(room) = room(&self.sender, self.deadline).await else { return };
            let frame = tokio::select! {
                biased;
                frame = next(&mut self.incoming) => frame,
                () = self.sender.closed() => return,
            };
            let last = match frame {
                None => Piece::End,
                Some(Err(failure)) => Piece::Failed(outcome::status(&failure)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        room.send(Piece::Data(data));
                        continue;
                    }
                    Err(frame) => {
                        let mut trailers = frame.into_trailers().unwrap_or_default();
                        end(&mut trailers, &self.tree);
                        Piece::Trailers(trailers)
                    }
                },
            };
            room.send(last);
            return;
        }
    }
}

async fn next(incoming: &mut Incoming) -> Option<Result<Frame<Bytes>, Failure>> {
    poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await
}

/// Room for a piece; `None` where the reader is gone, or slower than the call's time.
async fn room(sender: &mpsc::Sender<Piece>, deadline: Option<Instant>) -> Option<mpsc::Permit<'_, Piece>> {
    match sender.try_reserve() {
        Ok(room) => return Some(room),
        Err(mpsc::error::TrySendError::Closed(())) => return None,
        Err(mpsc::error::TrySendError::Full(())) => {}
    }
    match deadline {
        None => sender.reserve().await.ok(),
        Some(deadline) => tokio::select! {
            room = sender.reserve() => room.ok(),
            () = sleep_until(deadline) => None,
        },
    }
}
