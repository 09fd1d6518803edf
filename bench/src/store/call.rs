//! A client of the store's gRPC API, over a bare HTTP/2 connection: a generated client would use as much of the load core as the store of its own.

use super::process::{COLLECTION, NAMESPACE, SECRET, SECRET_METADATA};
use super::workload::{Step, VALUE_BYTES};
use crate::Outcome;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use prost::Message;
use std::net::SocketAddr;
use std::time::SystemTime;
use tenet_api::store::v1 as api;
use tokio::net::TcpStream;

/// Bytes of answers that may be under way: no caller ever waits for the window.
const WINDOW: u32 = 1 << 20;
/// What a caller of the platform sends along, as its method's policy says.
const DEADLINE: &str = "5S";

/// A connection that many callers share, as those of one instance of a service do.
#[derive(Clone)]
pub struct Channel(SendRequest<Bytes>);

impl Channel {
    /// Connects; a task of this thread drives it.
    pub async fn connect(address: SocketAddr) -> Outcome<Channel> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW << 4);
        let (sender, connection) = builder.handshake(stream).await.map_err(|error| text(&error))?;
        tokio::task::spawn_local(connection);
        Ok(Channel(sender))
    }
}

/// One caller.
pub struct Client {
    channel: Channel,
    /// How old answers to reads may be; none: as new as can be.
    max_age: Option<prost_types::Duration>,
}

impl Client {
    /// On a channel.
    pub fn new(channel: Channel, max_age: Option<std::time::Duration>) -> Client {
        Client { channel, max_age: max_age.and_then(|age| age.try_into().ok()) }
    }

    /// Reads or writes.
    pub async fn run(&self, step: Step, nonce: [u8; 16]) -> Outcome {
        let record = Some(api::Record { collection: Some(collection()), id: step.key });
        let Some(value) = step.value else {
            let consistency = self.max_age.map(|age| api::Consistency { max_age: Some(age) });
            let asked = api::GetRequest { record, keys: vec![Vec::new()], range: None, consistency };
            let answer = self.call("Get", &asked).await?;
            let answer = api::GetResponse::decode(answer).map_err(|error| error.to_string())?;
            let item = answer.items.first().ok_or("a record is not there")?;
            return super::sound(item.value.len(), item.version > 0);
        };
        let write = api::Write { key: Vec::new(), change: Some(api::write::Change::Put(value)), ttl: None };
        let token = Some(api::WriteToken { time_unix_ms: now_ms(), nonce: nonce.into() });
        let answer = self.call("Put", &api::PutRequest { record, writes: vec![write], token }).await?;
        let answer = api::WriteResponse::decode(answer).map_err(|error| error.to_string())?;
        super::sound(VALUE_BYTES, answer.version > 0 && !answer.replayed)
    }

    /// One call; the message it is answered with.
    async fn call(&self, method: &str, message: &impl Message) -> Outcome<Bytes> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://store.bench/tenet.store.v1.Store/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", DEADLINE)
            .header(SECRET_METADATA, SECRET)
            .body(())
            .map_err(|error| error.to_string())?;
        let mut sender = self.channel.0.clone().ready().await.map_err(|error| text(&error))?;
        let (answer, mut body) = sender.send_request(request, false).map_err(|error| text(&error))?;
        body.send_data(framed(message), true).map_err(|error| text(&error))?;
        let (head, mut body) = answer.await.map_err(|error| text(&error))?.into_parts();
        let mut data = BytesMut::new();
        while let Some(part) = body.data().await {
            let part = part.map_err(|error| text(&error))?;
            body.flow_control().release_capacity(part.len()).map_err(|error| text(&error))?;
            data.extend_from_slice(&part);
        }
        let trailers = body.trailers().await.map_err(|error| text(&error))?.unwrap_or_default();
        ended_well(&head.headers, &trailers)?;
        if data.len() < FRAME {
            return Err("an answer without a message".into());
        }
        data.advance(FRAME);
        Ok(data.freeze())
    }
}

/// Bytes before a message: whether it is compressed, and its length.
const FRAME: usize = 5;

fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(FRAME + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // A buffer of bytes grows: there is always room.
    let _ = message.encode(&mut framed);
    framed.freeze()
}

fn ended_well(head: &HeaderMap, trailers: &HeaderMap) -> Outcome {
    // A refusal comes as a head alone.
    let found = |name: &str| trailers.get(name).or_else(|| head.get(name)).map(|value| value.as_bytes());
    match found("grpc-status") {
        Some(b"0") => Ok(()),
        status => Err(format!(
            "status {}: {}",
            String::from_utf8_lossy(status.unwrap_or(b"missing")),
            String::from_utf8_lossy(found("grpc-message").unwrap_or_default())
        )),
    }
}

fn collection() -> api::Collection {
    api::Collection { namespace: NAMESPACE.into(), name: COLLECTION.into() }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn text(error: &h2::Error) -> String {
    format!("HTTP/2: {error}")
}
