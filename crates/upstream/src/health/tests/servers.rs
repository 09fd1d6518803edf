//! Servers whose answers a test may change while they run.

use crate::health::{HealthCheck, HealthChecks};
use crate::task::Task;
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// What to do with a check.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// grpc.health.v1 with this serving status.
    Status(u8),
    /// The same with SERVING, and then GOAWAY.
    StatusThenGoAway,
    /// SERVING to a connection's first check; the second is met by the connection's end.
    StatusThenClose,
    /// The same, met by GOAWAY.
    StatusThenShutdown,
    /// Only trailers, with this grpc-status.
    Grpc(&'static str),
    /// An HTTP status and nothing else.
    Http(u16),
    ResetStream,
    /// GOAWAY at once on each connection.
    GoAway,
    /// Never an answer.
    Silent,
    /// These bytes, then the end.
    Bytes(&'static str),
    /// A reset instead of an answer.
    Reset,
}

#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    state: Arc<State>,
    _task: Task,
}

#[derive(Debug)]
struct State {
    act: watch::Sender<Act>,
    accepted: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    asked: AtomicUsize,
    seen: Mutex<String>,
}

struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

impl Server {
    pub async fn grpc(act: Act) -> Server {
        Server::at("127.0.0.1:0".parse().unwrap(), act, true).await
    }

    pub async fn bytes(act: Act) -> Server {
        Server::at("127.0.0.1:0".parse().unwrap(), act, false).await
    }

    /// One that passes the checks of `checks`.
    pub async fn of(checks: &HealthChecks) -> Server {
        Server::of_at(checks, "127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn of_at(checks: &HealthChecks, address: SocketAddr) -> Server {
        match checks.check {
            HealthCheck::Grpc => Server::at(address, Act::Status(1), true).await,
            _ => Server::at(address, Act::Bytes("HTTP/1.1 200 OK\r\n\r\n"), false).await,
        }
    }

    async fn at(address: SocketAddr, act: Act, h2: bool) -> Server {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener: TcpListener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            act: watch::channel(act).0,
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let shown = state.clone();
        let task = Task::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                shown.accepted.fetch_add(1, SeqCst);
                let open = shown.open.fetch_add(1, SeqCst) + 1;
                shown.most_open.fetch_max(open, SeqCst);
                let (state, open) = (shown.clone(), Open(shown.clone()));
                connections.push(Task::spawn(async move {
                    let _open = open;
                    if h2 {
                        serve_h2(&state, socket).await;
                    } else {
                        serve_bytes(&state, socket).await;
                    }
                }));
                connections.retain(|task| !task.is_finished());
            }
        });
        Server { address, state, _task: task }
    }

    pub fn set(&self, act: Act) {
        self.state.act.send_replace(act);
    }

    /// Ends everything, as a killed process does.
    pub fn kill(self) {}

    pub fn accepted(&self) -> usize {
        self.state.accepted.load(SeqCst)
    }

    pub fn open(&self) -> usize {
        self.state.open.load(SeqCst)
    }

    pub fn most_open(&self) -> usize {
        self.state.most_open.load(SeqCst)
    }

    pub fn asked(&self) -> usize {
        self.state.asked.load(SeqCst)
    }

    /// The last request's head.
    pub fn seen(&self) -> String {
        self.state.seen.lock().unwrap().clone()
    }
}

async fn serve_bytes(state: &State, mut socket: TcpStream) {
    let mut buffer = vec![0; 4096];
    let Ok(read @ 1..) = socket.read(&mut buffer).await else { return };
    state.asked.fetch_add(1, SeqCst);
    *state.seen.lock().unwrap() = String::from_utf8_lossy(&buffer[..read]).into_owned();
    let mut acts = state.act.subscribe();
    let act = *acts.borrow_and_update();
    match act {
        Act::Bytes(bytes) => {
            let _ = socket.write_all(bytes.as_bytes()).await;
        }
        Act::Reset => socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap(),
        // Until the checker gives up, or the test has another idea.
        _ => tokio::select! {
            _ = socket.read(&mut buffer) => {}
            _ = acts.changed() => {}
        },
    }
}

async fn serve_h2(state: &Arc<State>, socket: TcpStream) {
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    let mut waiting = Vec::new();
    if matches!(*state.act.borrow(), Act::GoAway) {
        connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    }
    let mut first = true;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        state.asked.fetch_add(1, SeqCst);
        *state.seen.lock().unwrap() = format!("{request:?}");
        let act = *state.act.borrow();
        match act {
            Act::Status(status) => serving(&mut respond, status),
            Act::StatusThenGoAway => {
                serving(&mut respond, 1);
                connection.graceful_shutdown();
            }
            Act::StatusThenClose if !first => return,
            Act::StatusThenShutdown if !first => connection.abrupt_shutdown(Reason::NO_ERROR),
            Act::StatusThenClose | Act::StatusThenShutdown => serving(&mut respond, 1),
            Act::Grpc(status) => {
                let head = Response::builder().header("grpc-status", status).body(()).unwrap();
                respond.send_response(head, true).unwrap();
            }
            Act::Http(status) => {
                let head = Response::builder().status(status).body(()).unwrap();
                respond.send_response(head, true).unwrap();
            }
            Act::ResetStream => respond.send_reset(Reason::INTERNAL_ERROR),
            Act::GoAway => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            Act::Silent | Act::Bytes(_) | Act::Reset => waiting.push(respond),
        }
        first = false;
    }
}

fn serving(respond: &mut h2::server::SendResponse<Bytes>, status: u8) {
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut body = respond.send_response(head, false).unwrap();
    body.send_data(Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    body.send_trailers(trailers).unwrap();
}
