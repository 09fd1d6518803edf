//! A door before a server: connections go through it, and it can hold what they say, slow it, end them, and lead to another server.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes that are held in each direction at most; the rest waits where it came from.
const CHUNK: usize = 16 * 1024;

/// What becomes of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It goes on.
    Open,
    /// Each chunk waits for so long.
    Slow(Duration),
    /// Nothing goes on and nothing ends: a network that loses everything.
    Held,
    /// Whoever comes is sent away.
    Shut,
}

#[derive(Clone, Copy)]
struct State {
    passage: Passage,
    port: u16,
    /// Connections of earlier numbers have ended.
    connections: u64,
}

/// A door.
pub struct Door {
    pub port: u16,
    state: watch::Sender<State>,
}

impl Door {
    /// An open door on loopback that leads to a port of it.
    pub async fn to(port: u16) -> io::Result<Door> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let (state, watched) = watch::channel(State { passage: Passage::Open, port, connections: 0 });
        tokio::spawn(serve(listener, watched));
        Ok(Door { port: own, state })
    }

    /// Changes what becomes of what is said from now on, also on connections that are there.
    pub fn set(&self, passage: Passage) {
        self.state.send_modify(|state| state.passage = passage);
    }

    /// Ends the connections that are there. What was said and did not arrive never will.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.connections += 1);
    }

    /// Leads elsewhere from now on; what is there ends.
    pub fn lead_to(&self, port: u16) {
        self.state.send_modify(|state| {
            state.port = port;
            state.connections += 1;
        });
    }
}

/// Ends when the door has gone, and ends its connections.
async fn serve(listener: TcpListener, mut watched: watch::Receiver<State>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                tokio::spawn(pass(client, watched.clone()));
            },
            changed = watched.changed() => if changed.is_err() { return },
        }
    }
}

async fn pass(client: TcpStream, watched: watch::Receiver<State>) {
    let state = *watched.borrow();
    if state.passage == Passage::Shut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // When one direction ends both do: a session of which half is left is of no use.
    tokio::select! {
        () = one_way(from_client, to_server, watched.clone(), state.connections) => {}
        () = one_way(from_server, to_client, watched, state.connections) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut watched: watch::Receiver<State>,
    connections: u64,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => read,
            ended = watched.wait_for(|state| state.connections != connections) => {
                let _ = ended;
                return;
            }
        };
        let Ok(read @ 1..) = read else { return };
        let goes_on = |state: &State| state.connections != connections || state.passage != Passage::Held;
        let Ok(state) = watched.wait_for(goes_on).await.map(|state| *state) else { return };
        if state.connections != connections {
            return;
        }
        if let Passage::Slow(wait) = state.passage {
            tokio::time::sleep(wait).await;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
