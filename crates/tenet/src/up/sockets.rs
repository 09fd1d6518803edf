//! The listening sockets that outlive the processes serving them.

use crate::cli::{Failed, UpArgs};
use crate::listeners::bind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

/// A socket and where it listens.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Shared with every child that serves it.
    pub socket: Arc<TcpListener>,
    /// Its address, the port chosen by the system where 0 was asked for.
    pub address: SocketAddr,
}

/// Everything the supervisor listens on for its children.
#[derive(Debug)]
pub struct Sockets {
    /// The public door, shared by all gateways.
    pub public: Listening,
    /// Where services call each other, shared by all gateways.
    pub private: Listening,
    /// One for each gateway.
    pub admin: Vec<Listening>,
    /// The console.
    pub console: Listening,
}

impl Sockets {
    /// Binds them all; the first that cannot be bound is the error.
    pub fn bind(args: &UpArgs) -> Result<Sockets, Failed> {
        Ok(Sockets {
            public: listening(args.listen, "--listen")?,
            private: loopback()?,
            admin: (0..args.gateways).map(|_| loopback()).collect::<Result<_, _>>()?,
            console: listening(args.console, "--console")?,
        })
    }
}

/// A socket of the system's choice on this machine.
pub fn loopback() -> Result<Listening, Failed> {
    listening(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "")
}

fn listening(address: SocketAddr, flag: &str) -> Result<Listening, Failed> {
    let socket = bind(address)
        .map_err(|Failed(text)| Failed(if flag.is_empty() { text } else { format!("{text} with {flag}") }))?;
    let address = socket.local_addr().map_err(Failed::new)?;
    Ok(Listening { socket: Arc::new(socket), address })
}
