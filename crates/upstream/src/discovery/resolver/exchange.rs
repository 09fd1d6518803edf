//! One question to one name server: over UDP, and over TCP where the answer was truncated (RFC 7766).
//!
//! Questions go out without EDNS: what it would bring is more room, which TCP has, and what it would cost is the second try
//! without it at servers that do not know it (RFC 6891 §7).

use crate::discovery::source::Name;
use domain::base::iana::Rtype;
use domain::base::{Message, MessageBuilder};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Largest datagram that is read. Without EDNS none has more than 512 bytes (RFC 1035 §4.2.1); some servers do not know.
const DATAGRAM_MAX: usize = 4096;

/// Asks, within `wait`. The error is a clause that says what there was instead of an answer.
pub(super) async fn ask(
    server: SocketAddr,
    name: &Name,
    kind: Rtype,
    wait: Duration,
) -> Result<Message<Vec<u8>>, String> {
    let query = query(name, kind)?;
    match timeout(wait, answer(server, &query)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.kind().to_string()),
        Err(_) => Err(format!("no answer within {wait:?}")),
    }
}

/// A question under an id that nobody can guess (RFC 5452); the port is the kernel's choice, new for each question.
fn query(name: &Name, kind: Rtype) -> Result<Message<Vec<u8>>, String> {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_random_id();
    message.header_mut().set_rd(true);
    let mut message = message.question();
    message.push((name, kind)).map_err(|error| error.to_string())?;
    Ok(message.into_message())
}

async fn answer(server: SocketAddr, query: &Message<Vec<u8>>) -> io::Result<Message<Vec<u8>>> {
    let answer = over_udp(server, query).await?;
    if answer.header().tc() { over_tcp(server, query).await } else { Ok(answer) }
}

async fn over_udp(server: SocketAddr, query: &Message<Vec<u8>>) -> io::Result<Message<Vec<u8>>> {
    let any = match server {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Only what comes from there is read, and a closed port is told at once.
    socket.connect(server).await?;
    socket.send(query.as_slice()).await?;
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let read = socket.recv(&mut buffer).await?;
        // Whatever else comes is someone's attempt to be first; the answer may still come.
        if let Ok(answer) = Message::from_octets(buffer[..read].to_vec())
            && answer.is_answer(query)
        {
            return Ok(answer);
        }
    }
}

/// Messages over TCP have their length before them (RFC 1035 §4.2.2).
async fn over_tcp(server: SocketAddr, query: &Message<Vec<u8>>) -> io::Result<Message<Vec<u8>>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.as_slice().len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes(), query.as_slice()].concat();
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    match Message::from_octets(bytes) {
        Ok(answer) if answer.is_answer(query) => Ok(answer),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
