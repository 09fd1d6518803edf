//! One way to ask, whatever is asked with: our own HTTP/1.1 and HTTP/2 callers and the `curl` of the system, so that a
//! table of requests runs through each.

use crate::h2c::H2;
use crate::http1::{self, Response};
use crate::skip::skip;
use bytes::Bytes;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tokio::runtime::Runtime;

/// Who asks.
pub enum Caller {
    /// HTTP/1.1, a connection each request.
    Http1(SocketAddr),
    /// HTTP/2 by prior knowledge, one connection.
    Http2(Box<(Runtime, H2)>),
    /// The system's curl with these options.
    Curl(PathBuf, SocketAddr, &'static str),
}

impl Caller {
    /// An HTTP/2 caller.
    ///
    /// # Panics
    /// When it cannot connect.
    pub fn http2(address: SocketAddr) -> Caller {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        let connection = runtime.block_on(H2::connect(address));
        Caller::Http2(Box::new((runtime, connection)))
    }

    /// curl with `option`, or `None` after noting that `test` is skipped.
    pub fn curl(test: &str, address: SocketAddr, option: &'static str) -> Option<Caller> {
        // `TENET_CURL` names another than that of the path.
        let program = std::env::var_os("TENET_CURL").map_or_else(|| PathBuf::from("curl"), PathBuf::from);
        let there = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            skip(
                test,
                "no curl: install it with your system's package manager (Debian: apt-get install curl)",
            );
            return None;
        }
        Some(Caller::Curl(program, address, option))
    }

    /// One request and its whole answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Response {
        match self {
            Caller::Http1(address) => http1::call(*address, method, path, headers, body.unwrap_or_default()),
            Caller::Http2(both) => {
                let (runtime, connection) = &**both;
                let body = body.map(Bytes::copy_from_slice);
                let verb = method.parse().unwrap_or_else(|_| panic!("not a method: {method}"));
                let reply = runtime
                    .block_on(connection.call(verb, path, headers, body))
                    .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
                Response {
                    status: reply.status,
                    reason: String::new(),
                    headers: pairs(&reply.headers),
                    body: reply.body.to_vec(),
                    trailers: pairs(&reply.trailers),
                }
            }
            Caller::Curl(program, address, option) => {
                curl(program, &format!("http://{address}{path}"), option, method, headers, body)
            }
        }
    }
}

fn pairs(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

fn curl(
    program: &std::path::Path,
    url: &str,
    option: &str,
    method: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Response {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let (head, out) = (folder.path().join("head"), folder.path().join("body"));
    let mut command = Command::new(program);
    // Without --globoff curl would read brackets of a path as ranges; --path-as-is keeps it as it is written.
    command.args([
        "--silent",
        "--show-error",
        "--globoff",
        "--path-as-is",
        "--max-time",
        "30",
        "--noproxy",
        "*",
    ]);
    command.arg(option).arg("--dump-header").arg(&head).arg("--output").arg(&out);
    match method {
        "HEAD" => command.arg("--head"),
        _ => command.args(["--request", method]),
    };
    for (name, value) in headers {
        command.arg("--header").arg(format!("{name}: {value}"));
    }
    if body.is_some() {
        command.args(["--data-binary", "@-"]);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            // Or curl would say that it is a form.
            command.args(["--header", "content-type:"]);
        }
    }
    let mut child = command
        .arg(url)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
    if let Some(mut stdin) = child.stdin.take() {
        // curl ends before it has read all where the server refuses early.
        let _ = stdin.write_all(body.unwrap_or_default());
    }
    let ended = child.wait_with_output().unwrap_or_else(|error| panic!("curl: {error}"));
    assert!(ended.status.success(), "curl {method} {url}: {}", String::from_utf8_lossy(&ended.stderr));
    let head = std::fs::read_to_string(&head).unwrap_or_default();
    // Interim answers come first, each as a block of its own.
    let last = head.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let mut lines = last.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let fields = lines.filter_map(|line| line.split_once(':'));
    Response {
        status: status.unwrap_or_else(|| panic!("curl {method} {url}: no status in {head:?}")),
        reason: String::new(),
        headers: fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect(),
        body: if method == "HEAD" { Vec::new() } else { std::fs::read(&out).unwrap_or_default() },
        trailers: Vec::new(),
    }
}
