//! The public door as curl sees it: a real client that nobody here wrote, over both versions of HTTP.

use std::process::{Command, Stdio};
use tenet_tests::{Door, skip};

/// Most seconds curl may take.
const PATIENCE_S: &str = "30";

/// curl's standard output; the last line is `status version connects`.
fn curl(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", PATIENCE_S])
        .args(["--write-out", "\n%{http_code} %{http_version} %{num_connects}"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("curl starts");
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("an input"), input);
    let output = child.wait_with_output().expect("curl ends");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "curl {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_is_served() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip::skip("curl_is_served", "curl is not installed: apt-get install curl");
    }
    let mut door = Door::open("");
    let at = |path: &str| format!("http://{}{path}", door.gateway.public);
    let (echo, post, plain) = (at("/v1/echo/a"), at("/v1/echo"), at("/plain/a"));
    let json = ["--header", "content-type: application/json", "--data-binary", "@-"];
    let name = b"{\"name\":\"curl\"}";
    // Large enough for curl to ask first (Expect: 100-continue).
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(2 << 20));
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [u8], &'a str, &'a str);
    let rows: [Row<'_>; 10] = [
        (&[&echo], &[], b"", "{\"name\":\"a\"}", "200 1.1 1"),
        (&["--http1.0", &echo], &[], b"", "{\"name\":\"a\"}", "200 1.0 1"),
        (&["--http2-prior-knowledge", &echo], &[], b"", "{\"name\":\"a\"}", "200 2 1"),
        // An upgrade that is not done is answered as if it had not been asked for (RFC 9110 §7.8).
        (&["--http2", &echo], &[], b"", "{\"name\":\"a\"}", "200 1.1 1"),
        (&[&post], &json, name, "{\"name\":\"curl\"}", "200 1.1 1"),
        (&["--http2-prior-knowledge", &post], &json, name, "{\"name\":\"curl\"}", "200 2 1"),
        (&[&post], &json, large.as_bytes(), &large, "200 1.1 1"),
        (&["--http2-prior-knowledge", &post], &json, large.as_bytes(), &large, "200 2 1"),
        // A body of unknown length: chunks.
        (&["--upload-file", "-", "--request", "POST", &plain], &[], b"streamed", "streamed", "200 1.1 1"),
        (&["--compressed", "--request", "OPTIONS", &echo], &[], b"", "", "204 1.1 1"),
    ];
    for (first, more, input, body, last) in rows {
        let arguments = [first, more].concat();
        let said = curl(&arguments, input);
        let (got, status) = said.rsplit_once('\n').expect("a last line");
        assert!(got == body, "{first:?}: {} bytes, {:?}", got.len(), got.get(..80.min(got.len())));
        // curl names the version of the answer, which is HTTP/1.1 also to a caller of HTTP/1.0.
        assert!(status == last || (last.contains(" 1.0 ") && status == "200 1.1 1"), "{first:?}: {status}");
        door.ledger.expect("OK");
    }
    // The second finds the connection open. Over HTTP/1.1 alone: curl 7.88 fails to use one of prior knowledge twice,
    // whoever serves it.
    let said = curl(&[&echo, &plain], b"");
    assert!(said.trim_end().ends_with(" 0"), "{said}");
    door.ledger.expect_many("OK", 2);
    door.settle();
}
