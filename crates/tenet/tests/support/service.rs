//! The smallest HTTP/1.1 service: answers every GET with its own environment, one thread a connection.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

/// Serves at `TENET_LISTEN` until it is killed; without one there is nothing to serve.
pub fn run() {
    let Ok(address) = std::env::var("TENET_LISTEN") else { return };
    let listener = TcpListener::bind(&address).unwrap();
    println!("serving at {address}");
    for stream in listener.incoming().map_while(Result::ok) {
        std::thread::spawn(move || serve(&stream));
    }
}

fn serve(stream: &TcpStream) {
    let ours = std::env::vars().filter(|(name, _)| name.starts_with("TENET_") || name == "COLOUR");
    let body: String = ours.map(|(name, value)| format!("{name}={value}\n")).collect();
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(line)) = lines.next() {
        // The end of a head: requests of these tests have no body.
        if line.is_empty() {
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
