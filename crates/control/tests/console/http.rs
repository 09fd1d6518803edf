//! Just enough of an HTTP client: one request a connection, and server-sent events out of chunks.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longer than any answer here takes.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value)
    }
}

/// Sends a request and reads the head of the answer.
pub async fn open(address: SocketAddr, target: &str, headers: &str) -> (Answer, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: console\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await.expect("an answer").unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    let header =
        |line: &String| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    (Answer { status, headers: lines.iter().filter_map(header).collect(), body: String::new() }, reader)
}

pub async fn get(address: SocketAddr, target: &str, headers: &str) -> Answer {
    let (mut answer, mut reader) = open(address, target, headers).await;
    let read = reader.read_to_string(&mut answer.body);
    tokio::time::timeout(PATIENCE, read).await.expect("a body in time").unwrap();
    answer
}

/// A stream of server-sent events.
pub struct Events {
    reader: BufReader<TcpStream>,
}

pub async fn stream(address: SocketAddr, target: &str) -> Events {
    let (answer, reader) = open(address, target, "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    Events { reader }
}

impl Events {
    /// The next event's name and data; `None` at the end. Lines that frame chunks are neither and passed over.
    pub async fn next(&mut self) -> Option<(String, serde_json::Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            let read =
                tokio::time::timeout(PATIENCE, self.reader.read_line(&mut line)).await.expect("in time");
            if read.ok()? == 0 {
                return None;
            }
            if let Some(event) = line.strip_prefix("event: ") {
                event.trim_end().clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data.trim_end()).unwrap()));
            }
        }
    }
}
