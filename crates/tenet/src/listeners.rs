//! Listening sockets: bound here, or handed over by whoever started us (`LISTEN_FDS`, `LISTEN_FDNAMES`; sd_listen_fds(3)).
//!
//! A handed-over socket outlives the process that serves it: while a gateway is replaced, connections wait in its
//! backlog instead of being refused.

use crate::cli::Failed;
use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be accepted: a restart of a second at a few thousand new connections a second.
const BACKLOG: i32 = 4096;
/// More sockets than any role takes; a wrong `LISTEN_FDS` must not make descriptors out of thin air.
const MAX_SOCKETS: usize = 64;

/// Sockets by their names.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, TcpListener)>);

/// Takes the sockets handed over, if there are any. Call it once, before threads start: it clears the variables.
pub fn inherited() -> Result<Inherited, Failed> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut sockets = ListenFd::from_env();
    if sockets.len() > MAX_SOCKETS {
        return Err(Failed(format!(
            "error: LISTEN_FDS is {}, expected at most {MAX_SOCKETS}",
            sockets.len()
        )));
    }
    let mut out = Vec::new();
    for (index, name) in names.split(':').enumerate().take(sockets.len()) {
        let socket = sockets
            .take_tcp_listener(index)
            .map_err(|error| Failed::while_doing(&format!("cannot take over the socket {name:?}"), &error))?;
        out.extend(socket.map(|socket| (name.to_owned(), socket)));
    }
    if out.len() < sockets.len() {
        let (found, expected) = (out.len(), sockets.len());
        return Err(Failed(format!("error: LISTEN_FDNAMES has {found} names, expected {expected}")));
    }
    Ok(Inherited(out))
}

impl Inherited {
    /// All sockets of this name.
    pub fn take(&mut self, name: &str) -> Vec<TcpListener> {
        let (taken, rest) = std::mem::take(&mut self.0).into_iter().partition(|(own, _)| own == name);
        self.0 = rest;
        taken.into_iter().map(|(_, socket): (String, TcpListener)| socket).collect()
    }

    /// The sockets of this name, or new ones at `addresses` where none was handed over.
    pub fn take_or_bind(&mut self, name: &str, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failed> {
        let taken = self.take(name);
        if taken.is_empty() { addresses.iter().map(|address| bind(*address)).collect() } else { Ok(taken) }
    }
}

/// A listening socket at `address`, non-blocking, not inherited by children unless mapped.
pub fn bind(address: SocketAddr) -> Result<TcpListener, Failed> {
    try_bind(address).map_err(|error| {
        let doing = format!("cannot listen on {address}");
        let Failed(text) = Failed::while_doing(&doing, &error);
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "\n  hint: another program has it: stop that, or choose another address"
            }
            std::io::ErrorKind::PermissionDenied => "\n  hint: ports below 1024 need a privilege",
            std::io::ErrorKind::AddrNotAvailable => "\n  hint: this machine has no such address",
            _ => "",
        };
        Failed(text + hint)
    })
}

fn try_bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two addresses: who wants both names both.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_said_with_what_to_do() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let Failed(text) = bind(address).unwrap_err();
        assert!(text.contains(&address.to_string()) && text.contains("hint: another program"), "{text}");
    }

    #[test]
    fn sockets_are_taken_by_name_and_bound_where_none_came() {
        let own = || bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut inherited =
            Inherited(vec![("public".into(), own()), ("admin".into(), own()), ("public".into(), own())]);
        let any = ["127.0.0.1:0".parse().unwrap()];
        assert_eq!(inherited.take_or_bind("public", &[]).unwrap().len(), 2);
        assert_eq!(inherited.take_or_bind("private", &any).unwrap().len(), 1);
        assert_eq!(inherited.0.len(), 1);
    }
}
