//! Both ends of a connection: a line of JSON, then frames as a backup has them.

use super::{Order, Refusal};
use crate::backup::{BackupError, Frame, FramePlace, Kind};
use serde::Serialize;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Longest order: two keys of a place and of each range, as JSON numbers.
const MAX_ORDER: u64 = 1 << 20;
/// Longest silence of the other end. A disk that is full of other work is slow; a page of a snapshot is not.
const PATIENCE: Duration = Duration::from_secs(120);

/// What can go wrong between the two ends.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection.
    #[error("the connection to the store broke: {0}")]
    Io(#[from] std::io::Error),
    /// The other end is silent.
    #[error("the other end said nothing for {} s", PATIENCE.as_secs())]
    Silent,
    /// The other end closed before the end.
    #[error("the connection to the store ended")]
    Ended,
    /// What came is no order, no frame or no answer.
    #[error("what came over the connection cannot be read: {0}")]
    Unreadable(String),
    /// Reading or writing what is kept.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The other end refuses.
    #[error("{}", .0.text)]
    Refused(Refusal),
}

impl From<crate::engine::EngineError> for WireError {
    fn from(error: crate::engine::EngineError) -> WireError {
        WireError::Backup(error.into())
    }
}

/// One end.
pub struct Wire {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
    place: FramePlace,
    sent: u64,
}

impl Wire {
    /// Over a connection.
    pub fn new(stream: UnixStream) -> Wire {
        let (input, output) = stream.into_split();
        Wire { input: BufReader::new(input), output, place: FramePlace::default(), sent: 0 }
    }

    /// Sends an order.
    pub async fn ask(&mut self, order: &Order) -> Result<(), WireError> {
        let mut line = json(order)?;
        line.push(b'\n');
        self.put(&line).await
    }

    /// Waits for an order.
    pub(super) async fn order(&mut self) -> Result<Order, WireError> {
        let mut line = Vec::new();
        let mut input = (&mut self.input).take(MAX_ORDER);
        let read = timeout(PATIENCE, input.read_until(b'\n', &mut line));
        if read.await.map_err(|_| WireError::Silent)?? == 0 {
            return Err(WireError::Ended);
        }
        serde_json::from_slice(&line).map_err(|error| WireError::Unreadable(error.to_string()))
    }

    /// Sends a frame.
    pub async fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<(), WireError> {
        let bytes = Frame::encode(kind, payload, self.sent);
        self.sent += 1;
        self.put(&bytes).await
    }

    /// Sends JSON as a frame.
    pub async fn send_json(&mut self, kind: Kind, value: &(impl Serialize + Sync)) -> Result<(), WireError> {
        let payload = json(value)?;
        self.send(kind, &payload).await
    }

    /// Says why there is no more.
    pub(super) async fn refuse(&mut self, refusal: &Refusal) -> Result<(), WireError> {
        self.send_json(Kind::Failed, refusal).await
    }

    /// The next frame. A refusal is an error.
    pub async fn receive(&mut self) -> Result<Frame, WireError> {
        let frame = timeout(PATIENCE, self.frame()).await.map_err(|_| WireError::Silent)??;
        if frame.kind == Kind::Failed {
            let refusal = serde_json::from_slice(&frame.payload)
                .map_err(|error| WireError::Unreadable(error.to_string()))?;
            return Err(WireError::Refused(refusal));
        }
        Ok(frame)
    }

    async fn frame(&mut self) -> Result<Frame, WireError> {
        let mut head = [0; 5];
        self.fill(&mut head).await?;
        let (kind, length) = Frame::length(head, self.place)?;
        let mut rest = vec![0; Frame::rest(length)];
        self.fill(&mut rest).await?;
        let bytes = (head.len() + rest.len()) as u64;
        let frame = Frame::check(head, rest, kind, self.place)?;
        self.place = FramePlace { frame: self.place.frame + 1, byte: self.place.byte + bytes };
        Ok(frame)
    }

    async fn fill(&mut self, buffer: &mut [u8]) -> Result<(), WireError> {
        match self.input.read_exact(buffer).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(WireError::Ended),
            Err(error) => Err(error.into()),
        }
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        Ok(timeout(PATIENCE, self.output.write_all(bytes)).await.map_err(|_| WireError::Silent)??)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, WireError> {
    serde_json::to_vec(value).map_err(|error| WireError::Unreadable(error.to_string()))
}
