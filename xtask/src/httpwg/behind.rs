//! What httpwg's cases need: one gateway in front of a service that reads a whole request before it answers.
//!
//! The cases assume a stream that stays open until its request has ended, a 200 for `POST /` and a body of some bytes. A
//! service that answers early, or a 404, has the gateway end the stream in peace (RFC 9113 §8.1) before a case is over.

use crate::shell::{Outcome, cargo, command, run as run_loudly, target_dir};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Longest the gateway may take to listen, and to end.
const LIMIT: Duration = Duration::from_secs(60);
/// Longest a request's body may be.
const BODY: u64 = 1 << 20;
/// The answer; cases want at least five bytes of body.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";

/// The running gateway; it is gone with this value, the service with the process.
pub struct Gateway {
    child: Child,
    folder: PathBuf,
    /// The public door.
    pub public: SocketAddr,
}

impl Gateway {
    /// Builds what is needed and starts both.
    pub fn start() -> Outcome<Gateway> {
        run_loudly(cargo().args(["build", "--quiet", "--package", "tenet", "--bins"]))?;
        let service = serve()?;
        let folder = target_dir().join(format!("xtask/httpwg-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
        };
        write(
            "tenet.toml",
            &format!(
                "name = \"httpwg\"\n[services.hello]\nprotocol = \"http1\"\ninstances = [{{ address = \"{service}\" }}]\n\
                 [[http]]\nprefix = \"/\"\nservice = \"hello\"\n"
            ),
        )?;
        let log = std::fs::File::create(folder.join("gateway.log")).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let mut gateway = command(target_dir().join("debug/tenet"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENET_"))
        {
            gateway.env_remove(name);
        }
        gateway.arg("gateway").arg(&folder).args(["--listen", "127.0.0.1:0"]).env("NO_COLOR", "1");
        gateway.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = gateway.spawn().map_err(|error| format!("the gateway cannot be started: {error}"))?;
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut gateway = Gateway { child, folder, public: nowhere };
        gateway.public = gateway.wait()?;
        Ok(gateway)
    }

    fn wait(&mut self) -> Outcome<SocketAddr> {
        let log = || std::fs::read_to_string(self.folder.join("gateway.log")).unwrap_or_default();
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the gateway ended ({status}); it printed:\n{}", log()));
            }
            if let Some(public) = public(&log())
                && answers(public)
            {
                return Ok(public);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the gateway did not answer within {} s; it printed:\n{}", LIMIT.as_secs(), log()))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Nothing needs draining here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The address that the gateway says it listens on: "... listening: public 127.0.0.1:41234".
fn public(log: &str) -> Option<SocketAddr> {
    log.lines().find_map(|line| line.split_once("listening: public ")?.1.trim().parse().ok())
}

/// Whether the service is reached: the gateway listens before it has looked for its instances.
fn answers(public: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&public, Duration::from_secs(1)) else { return false };
    let mut answer = [0; 12];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"HTTP/1.1 200"
}

/// Serves until the process ends, a thread a connection.
fn serve() -> Outcome<SocketAddr> {
    let bind = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.local_addr().map(|address| (listener, address))
    };
    let (listener, address) = bind().map_err(|error| format!("no listener: {error}"))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while let Some(()) = request(&mut reader) {
                    if (&stream).write_all(ANSWER).is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok(address)
}

/// Reads one whole request as the gateway writes them; `None` at the connection's end.
fn request(reader: &mut impl BufRead) -> Option<()> {
    let mut body = 0;
    let mut chunked = false;
    loop {
        let line = line(reader)?;
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "" => break,
            "content-length" => body = value.trim().parse().ok()?,
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    if !chunked {
        return pass(reader, body);
    }
    loop {
        let size = u64::from_str_radix(&line(reader)?, 16).ok()?;
        if size == 0 {
            break;
        }
        pass(reader, size + 2)?;
    }
    // Trailers and the empty line.
    while !line(reader)?.is_empty() {}
    Some(())
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    (reader.take(BODY).read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
}

fn pass(reader: &mut impl BufRead, bytes: u64) -> Option<()> {
    let passed = std::io::copy(&mut reader.take(bytes.min(BODY)), &mut std::io::sink()).ok()?;
    (passed == bytes).then_some(())
}

#[cfg(test)]
mod tests {
    use super::{public, request};
    use std::io::Cursor;

    #[test]
    fn requests_are_read_whole() {
        for (text, rest) in [
            ("GET / HTTP/1.1\r\nhost: x\r\n\r\nNEXT", Some("NEXT")),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcNEXT", Some("NEXT")),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\nNEXT",
                Some("NEXT"),
            ),
            ("POST / HTTP/1.1\r\ncontent-length: 30\r\n\r\nabc", None),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab", None),
            ("", None),
        ] {
            let mut reader = Cursor::new(text);
            let read = request(&mut reader).map(|()| &text[reader.position() as usize..]);
            assert_eq!(read, rest, "{text:?}");
        }
    }

    #[test]
    fn the_address_is_found() {
        let line = "2026-01-01T00:00:00Z  INFO tenet::roles::gateway: listening: public 127.0.0.1:41234\n";
        assert_eq!(public(line).map(|address| address.port()), Some(41234));
        assert_eq!(public("listening: admin 127.0.0.1:1"), None);
    }
}
