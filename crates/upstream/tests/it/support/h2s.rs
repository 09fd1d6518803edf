//! A real HTTP/2 server, a handler a stream.

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Request, Response};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, spawn_local};

/// A running server and what it saw.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub accepted: Rc<Cell<usize>>,
    pub open: Rc<Cell<usize>>,
    pub requests: Rc<Cell<usize>>,
    listener: AbortHandle,
    connections: Rc<RefCell<Vec<AbortHandle>>>,
    shutdown: Rc<tokio::sync::Notify>,
}

impl Server {
    pub async fn start<F, R>(builder: Builder, handler: F) -> Server
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> R + 'static,
        R: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, open, requests) = <(Rc<Cell<usize>>, Rc<Cell<usize>>, Rc<Cell<usize>>)>::default();
        let connections = Rc::new(RefCell::new(Vec::new()));
        let shutdown = Rc::new(tokio::sync::Notify::new());
        let handler = Rc::new(handler);
        let seen = (accepted.clone(), open.clone(), requests.clone(), connections.clone(), shutdown.clone());
        let task = spawn_local(async move {
            let (accepted, open, requests, connections, shutdown) = seen;
            while let Ok((socket, _)) = listener.accept().await {
                accepted.set(accepted.get() + 1);
                let counted = Counted::new(&open);
                let (builder, handler, requests, shutdown) =
                    (builder.clone(), handler.clone(), requests.clone(), shutdown.clone());
                let task = spawn_local(async move {
                    let _counted = counted;
                    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
                    loop {
                        tokio::select! {
                            next = connection.accept() => match next {
                                Some(Ok((request, respond))) => {
                                    requests.set(requests.get() + 1);
                                    spawn_local(handler(request, respond));
                                }
                                _ => return,
                            },
                            () = shutdown.notified() => connection.graceful_shutdown(),
                        }
                    }
                });
                connections.borrow_mut().push(task.abort_handle());
            }
        });
        Server { address, accepted, open, requests, listener: task.abort_handle(), connections, shutdown }
    }

    /// A server that answers each GET with its own `name`.
    pub async fn named(name: &'static str) -> Server {
        Server::start(Builder::new(), move |_, respond| async move { answer(respond, name) }).await
    }

    /// GOAWAY on every connection, new ones are still taken.
    pub fn go_away(&self) {
        self.shutdown.notify_waiters();
    }

    /// Cuts every connection and stops listening, as a killed process does.
    pub fn kill(&self) {
        self.listener.abort();
        self.connections.borrow_mut().drain(..).for_each(|task| task.abort());
    }
}

/// Answers, unless the caller gave up.
pub fn answer(mut respond: SendResponse<Bytes>, text: &'static str) {
    if let Ok(mut body) = respond.send_response(Response::new(()), false) {
        let _ = body.send_data(Bytes::from_static(text.as_bytes()), true);
    }
}

pub fn trailers(status: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    trailers
}

struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(cell: &Rc<Cell<usize>>) -> Counted {
        cell.set(cell.get() + 1);
        Counted(cell.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
