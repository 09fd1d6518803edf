//! A gateway over an HTTP/1.1 service scripted byte by byte and an HTTP/2 service scripted frame by frame.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use tenet_tests::{Gateway, GrpcBackend, PATIENCE, Project, eventually};

/// A server whose connections a closure serves, each on a thread.
pub struct RawBackend(SocketAddr);

impl RawBackend {
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> RawBackend {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        // Ends with the test's process: nobody connects any more by then.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_write_timeout(Some(PATIENCE));
                std::thread::spawn(move || serve(stream));
            }
        });
        RawBackend(address)
    }
}

/// Reads a request's head: its lines, the first without its version. `None` at the end of the connection.
pub fn read_head(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

/// The value of a field among the lines of a head.
pub fn field<'l>(lines: &'l [String], name: &str) -> Option<&'l str> {
    let mut fields = lines.iter().filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Reads a request's body piece by piece, by its length or its chunks, and tells each; gives the trailers.
pub fn read_body(
    stream: &mut BufReader<TcpStream>,
    head: &[String],
    mut piece: impl FnMut(&[u8]),
) -> Option<Vec<String>> {
    let mut buffer = vec![0; 64 << 10];
    let mut take = |stream: &mut BufReader<TcpStream>, mut left: usize| {
        while left > 0 {
            let most = left.min(buffer.len());
            let count = stream.read(&mut buffer[..most]).ok().filter(|count| *count > 0)?;
            piece(&buffer[..count]);
            left -= count;
        }
        Some(())
    };
    if let Some(length) = field(head, "content-length") {
        take(stream, length.parse().ok()?)?;
        return Some(Vec::new());
    }
    if field(head, "transfer-encoding") != Some("chunked") {
        return Some(Vec::new());
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match usize::from_str_radix(line.trim_end().split(';').next()?, 16).ok()? {
            0 => return read_head(stream),
            size => take(stream, size)?,
        }
        stream.read_line(&mut String::new()).ok()?;
    }
}

/// The gateway and its project.
pub struct Stage {
    pub gateway: Gateway,
    _project: Project,
    _two: Option<GrpcBackend>,
}

impl Stage {
    /// `/one` is the HTTP/1.1 service, `/two` the HTTP/2 one, `/bare/…` the first without the prefix.
    pub fn open(one: &RawBackend, two: Option<GrpcBackend>, gateway: &str) -> Stage {
        Stage::at(one.0, two, gateway)
    }

    /// [`Stage::open`] where the HTTP/1.1 service is wherever `one` says.
    pub fn at(one: SocketAddr, two: Option<GrpcBackend>, gateway: &str) -> Stage {
        let two_at = two.as_ref().map_or_else(nobody, GrpcBackend::address);
        let project = Project::new().with(
            "tenet.toml",
            &format!(
                "[services.one]\ninstances = [{{ address = \"{one}\", zone = \"a\" }}]\n\
                 [services.two]\nprotocol = \"http2\"\ninstances = [{{ address = \"{two_at}\", zone = \"a\" }}]\n\
                 [[http]]\nprefix = \"/one\"\nservice = \"one\"\n[[http]]\nprefix = \"/two\"\nservice = \"two\"\n\
                 [[http]]\nprefix = \"/bare\"\nservice = \"one\"\nstrip_prefix = true\n\
                 [[http]]\nprefix = \"/soon\"\nservice = \"one\"\ndeadline = \"300ms\"\n[gateway]\n{gateway}\n"
            ),
        );
        // One thread: connections to upstreams are per thread, and tests count on meeting the same.
        let gateway = Gateway::start_with(&project, &[("TENET_THREADS", "1")]);
        Stage { gateway, _project: project, _two: two }
    }

    /// Waits until exactly `count` requests were recorded with `code`.
    pub fn recorded(&self, code: &str, count: u32) {
        let label = format!("code=\"{code}\"");
        eventually(&format!("{count} x {code} in the metrics"), || {
            let seen = self.gateway.metric("tenet_requests_total", &[&label]);
            assert!(seen <= f64::from(count), "{code}: {seen}");
            (seen == f64::from(count)).then_some(())
        });
    }

    /// Most memory the gateway has held so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.gateway.process.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }
}

/// An address at which nobody listens: bound, then let go.
pub fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
