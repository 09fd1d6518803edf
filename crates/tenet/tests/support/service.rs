//! The smallest HTTP/1.1 service: answers every request with its own environment, and `/secret` with its secret for the store, one
//! thread a connection. Started with
//! `TENET_FAULT_POINTS=true` it has fault points as services of the SDK have them.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What `PUT /-/faults` set, and until when.
static FAULTS: Mutex<Option<(Value, Instant)>> = Mutex::new(None);

/// Serves at `TENET_LISTEN` until it is killed; without one there is nothing to serve.
pub fn run() {
    let Ok(address) = std::env::var("TENET_LISTEN") else { return };
    let secret = secret();
    let listener = TcpListener::bind(&address).unwrap();
    println!("serving at {address}");
    for stream in listener.incoming().map_while(Result::ok) {
        let secret = secret.clone();
        thread::spawn(move || serve(&stream, &secret));
    }
}

/// What the supervisor hands to a service that keeps something: read to its end, once.
fn secret() -> String {
    let mut secret = String::new();
    if let Ok(descriptor) = std::env::var("TENET_STORE_SECRET_FD") {
        std::fs::File::open(format!("/proc/self/fd/{descriptor}"))
            .unwrap()
            .read_to_string(&mut secret)
            .unwrap();
    }
    secret
}

fn serve(stream: &TcpStream, secret: &str) {
    let shown = |name: &str| name.starts_with("TENET_") || matches!(name, "COLOUR" | "DATABASE_URL");
    let ours = std::env::vars().filter(|(name, _)| shown(name));
    let environment: String = ours.map(|(name, value)| format!("{name}={value}\n")).collect();
    let mut reader = BufReader::new(stream);
    while let Some((line, body)) = request(&mut reader) {
        let (status, body) = if line.contains(" /-/faults ") {
            point(&line, &body)
        } else if line.contains("/secret ") {
            (200, secret.to_owned())
        } else {
            match fault() {
                Value::Null => (200, environment.clone()),
                fault if fault.get("black_hole").is_some() => {
                    while !fault_is_over() {
                        thread::sleep(Duration::from_millis(5));
                    }
                    return;
                }
                fault if fault.get("error").is_some() => (500, "broken\n".to_owned()),
                fault => {
                    thread::sleep(Duration::from_millis(fault["delay_ms"].as_u64().unwrap_or(0)));
                    (200, environment.clone())
                }
            }
        };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        // Who asks for fault points asks once, and reads to the end.
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() || line.contains(" /-/faults ") {
            return;
        }
    }
}

/// The request line and the body.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if first.is_empty() {
            line.clone_into(&mut first);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

fn point(line: &str, body: &[u8]) -> (u16, String) {
    if std::env::var("TENET_FAULT_POINTS").is_err() {
        return (404, String::new());
    }
    let mut faults = FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
    if line.starts_with("PUT ") {
        let Ok(fault) = serde_json::from_slice::<Value>(body) else { return (400, String::new()) };
        let Some(for_ms) = fault["for_ms"].as_u64() else { return (422, "for_ms is missing".to_owned()) };
        *faults = Some((fault, Instant::now() + Duration::from_millis(for_ms)));
    } else if line.starts_with("DELETE ") {
        *faults = None;
    }
    (200, faults.as_ref().map_or(json!({}), |(fault, _)| fault.clone()).to_string())
}

fn fault() -> Value {
    let faults = FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
    faults
        .as_ref()
        .filter(|(_, until)| *until > Instant::now())
        .map_or(Value::Null, |(fault, _)| fault.clone())
}

fn fault_is_over() -> bool {
    fault().is_null()
}
