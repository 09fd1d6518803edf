//! A scripted HTTP/1.1 server: what it reads is kept, what it answers is bytes.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// What to do with one request on one connection.
#[derive(Clone, Copy)]
pub enum Act {
    /// Write these bytes and wait for the next request.
    Answer(&'static str),
    /// Write these bytes and close.
    AnswerAndClose(&'static str),
    /// Read the request and close without a byte.
    Close,
    /// Write these bytes and never do anything again.
    Stall(&'static str),
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub accepted: Rc<Cell<usize>>,
    pub open: Rc<Cell<usize>>,
    /// Requests as they came, heads with what was read of their bodies.
    pub seen: Rc<RefCell<Vec<String>>>,
}

impl Server {
    /// `script(connection, request)` says what to do, both counted from 0.
    pub async fn start(script: impl Fn(usize, usize) -> Act + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            accepted: Rc::default(),
            open: Rc::default(),
            seen: Rc::default(),
        };
        let (shown, script) = (server.clone(), Rc::new(script));
        spawn_local(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let number = shown.accepted.get();
                shown.accepted.set(number + 1);
                shown.open.set(shown.open.get() + 1);
                let (shown, script) = (shown.clone(), script.clone());
                spawn_local(async move {
                    let mut buffer = vec![0; 64 << 10];
                    for turn in 0.. {
                        let Ok(read @ 1..) = socket.read(&mut buffer).await else { break };
                        shown.seen.borrow_mut().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                        let (bytes, more) = match script(number, turn) {
                            Act::Answer(bytes) => (bytes, true),
                            Act::AnswerAndClose(bytes) => (bytes, false),
                            Act::Close => ("", false),
                            Act::Stall(bytes) => {
                                let _ = socket.write_all(bytes.as_bytes()).await;
                                // Until the other side gives up.
                                while matches!(socket.read(&mut buffer).await, Ok(1..)) {}
                                break;
                            }
                        };
                        if socket.write_all(bytes.as_bytes()).await.is_err() || !more {
                            break;
                        }
                    }
                    shown.open.set(shown.open.get() - 1);
                });
            }
        });
        server
    }
}

/// A server whose connections are each handled by `handle`; the second value counts them.
pub async fn serve<F: Future<Output = ()> + 'static>(
    handle: impl Fn(TcpStream) -> F + 'static,
) -> (SocketAddr, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted: Rc<Cell<usize>> = Rc::default();
    let count = accepted.clone();
    spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.set(count.get() + 1);
            spawn_local(handle(socket));
        }
    });
    (address, accepted)
}

/// Reads a request's head, byte by byte so that the body stays in the socket; `None` at the connection's end.
pub async fn read_head(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}
