//! A steady load of well-behaved callers: they go where they are told to (`Connection: close`, GOAWAY, a closed idle
//! connection) and retry nothing, so that every request that fails is a request somebody lost.

use crate::h2c::{self, H2};
use crate::http1::{self, Response};
use crate::{PATIENCE, eventually};
use h2::Reason;
use http::Method;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pause between an answer and the next request of a caller: the callers must leave the gateways some processor.
const PAUSE: Duration = Duration::from_millis(2);

/// Judges an answer: a word to count it under, or what is wrong with it.
pub type Judge = fn(&Response) -> Result<String, String>;

/// Callers at work.
pub struct Load {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<()>>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Answers by the judge's word.
    pub answers: BTreeMap<String, u64>,
    /// Requests that a GOAWAY sent to another connection before they were begun.
    pub moved: u64,
    /// What failed, each with the caller's number first.
    pub failures: Vec<(usize, String)>,
}

struct Shared {
    address: SocketAddr,
    path: String,
    judge: Judge,
    stop: AtomicBool,
    answered: AtomicU64,
    tally: Mutex<Tally>,
}

impl Load {
    /// `http1` callers with a keep-alive connection each and `http2` callers with a connection each, all sending `GET path`,
    /// one request at a time.
    pub fn start(address: SocketAddr, path: &str, http1: usize, http2: usize, judge: Judge) -> Load {
        let shared = Arc::new(Shared {
            address,
            path: path.to_owned(),
            judge,
            stop: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            tally: Mutex::default(),
        });
        let callers = (0..http1 + http2).map(|number| {
            let shared = shared.clone();
            std::thread::spawn(
                move || if number < http1 { shared.http1(number) } else { shared.http2(number) },
            )
        });
        Load { callers: callers.collect(), shared }
    }

    /// Answers so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits for `count` further answers, so that what happens next happens under load.
    ///
    /// # Panics
    /// When they do not come within [`PATIENCE`].
    pub fn flows(&self, count: u64) {
        let goal = self.answered() + count;
        eventually("the load to flow", || (self.answered() >= goal).then_some(()));
    }

    /// What failed so far.
    pub fn failures(&self) -> Vec<(usize, String)> {
        self.shared.tally().failures.clone()
    }

    /// Ends the load and tells what came of it.
    ///
    /// # Panics
    /// When a caller panicked.
    pub fn stop(self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.join().unwrap_or_else(|_| panic!("a caller panicked"));
        }
        self.shared.tally().clone()
    }
}

impl Shared {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) -> bool {
        std::thread::sleep(PAUSE);
        !self.stop.load(Ordering::Relaxed)
    }

    fn note(&self, caller: usize, outcome: Result<Response, String>) {
        match outcome.and_then(|answer| (self.judge)(&answer)) {
            Ok(word) => {
                *self.tally().answers.entry(word).or_default() += 1;
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(what) => self.tally().failures.push((caller, what)),
        }
    }

    fn http1(&self, caller: usize) {
        let mut kept: Option<TcpStream> = None;
        while self.goes_on() {
            let reused = kept.take().filter(still_open);
            let how = if reused.is_some() { "on a kept connection" } else { "on a new connection" };
            let outcome = reused
                .map_or_else(|| connect(self.address), Ok)
                .and_then(|mut stream| Ok((exchange(&mut stream, &self.path)?, stream)))
                .map_err(|what| format!("{what} {how}"));
            let outcome = outcome.map(|(answer, stream)| {
                let close = answer.header("connection").is_some_and(|value| value.contains("close"));
                kept = (!close).then_some(stream);
                answer
            });
            self.note(caller, outcome);
        }
    }

    fn http2(&self, caller: usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        runtime.block_on(async {
            let mut kept: Option<H2> = None;
            loop {
                // Not a blocking pause: what arrives in it, a GOAWAY perhaps, is read before the next stream is opened.
                tokio::time::sleep(PAUSE).await;
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                let reused = match kept.take() {
                    Some(connection) => connection.sender().ready().await.ok().map(|_| connection),
                    None => None,
                };
                let connection = match reused {
                    Some(connection) => connection,
                    None => match H2::try_connect(self.address).await {
                        Ok(connection) => connection,
                        Err(what) => {
                            self.note(caller, Err(what));
                            continue;
                        }
                    },
                };
                match connection.call(Method::GET, &self.path, &[], None).await {
                    Ok(reply) => {
                        kept = Some(connection);
                        self.note(caller, Ok(response(&reply)));
                    }
                    // Above the last stream of a GOAWAY a request was never begun: the caller was told to take it to
                    // another connection (RFC 9113 §6.8), which is what the next round does.
                    Err(error) if error.is_go_away() && error.reason() == Some(Reason::NO_ERROR) => {
                        self.tally().moved += 1;
                    }
                    Err(error) => self.note(caller, Err(format!("HTTP/2: {error}"))),
                }
            }
        });
    }
}

fn response(reply: &h2c::Reply) -> Response {
    let headers = reply.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Response {
        status: reply.status,
        headers: headers.collect(),
        body: reply.body.to_vec(),
        ..Response::default()
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let stream =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| format!("connect: {error}"))?;
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(PATIENCE));
    Ok(stream)
}

/// Whether the server has left an idle connection open.
fn still_open(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    let open = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    let _ = stream.set_nonblocking(false);
    open
}

fn exchange(stream: &mut TcpStream, path: &str) -> Result<Response, String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: load\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| format!("send: {error}"))?;
    let (mut heard, mut chunk) = (Vec::new(), [0u8; 16 << 10]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Err(format!("closed after {} bytes of the answer", heard.len())),
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error) => return Err(format!("receive: {error}")),
        }
        if let Some((response, _)) = http1::parse(&heard, false, false)? {
            return Ok(response);
        }
    }
}
