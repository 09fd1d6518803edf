//! The pages beside the calls, as curl and a scraper see them.

use crate::probe::{call, say, start_default};

#[tokio::test]
async fn pages_answer_over_http_1() {
    let running = start_default().await;
    for (request, start, part) in [
        ("GET /healthz", "HTTP/1.1 200", "serving"),
        ("HEAD /healthz", "HTTP/1.1 200", "content-length: 8"),
        ("GET /metrics", "HTTP/1.1 200", "content-type: application/openmetrics-text; version=1.0.0"),
        ("GET /metrics", "HTTP/1.1 200", "tenet-instance: probe-a-1"),
        ("POST /metrics", "HTTP/1.1 405", "allow: GET, HEAD"),
        ("GET /v1/users", "HTTP/1.1 404", "ROUTE_NOT_FOUND"),
    ] {
        let text = format!("{request} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let answer = running.raw(&text).await;
        assert!(answer.starts_with(start) && answer.contains(part), "{request}: {answer}");
    }
}

/// A strict reading of OpenMetrics 1.0: every sample belongs to the family declared last, with a suffix its type has.
#[tokio::test]
async fn metrics_are_openmetrics() {
    let running = start_default().await;
    call(running.channel(), "Echo", say("")).await.unwrap();
    let _ = call(running.channel(), "Refuse", say("")).await;
    let answer = running.metrics().await;
    let text = answer.split_once("\r\n\r\n").unwrap().1;
    let (mut family, mut kind) = (String::new(), String::new());
    let mut families = std::collections::HashSet::new();
    let mut last_bucket = (String::new(), 0.0);
    assert!(text.ends_with("\n# EOF\n"));
    for line in text.trim_end_matches("# EOF\n").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["#", "TYPE", name, of] => {
                (family, kind) = ((*name).to_owned(), (*of).to_owned());
                assert!(families.insert(family.clone()), "{family} twice");
            }
            ["#", "HELP" | "UNIT", name, ..] => assert_eq!(*name, family),
            [sample, value] => {
                let value: f64 = value.parse().unwrap();
                let name = sample.split('{').next().unwrap();
                let suffixes: &[&str] = match kind.as_str() {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "info" => &["_info"],
                    "histogram" => &["_bucket", "_count", "_sum"],
                    other => panic!("{other}"),
                };
                let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} in {family}"));
                assert!(suffixes.contains(&suffix), "{line}");
                if suffix == "_bucket" {
                    let labels = sample.split(",le=").next().unwrap().to_owned();
                    assert!(
                        last_bucket.0 != labels || last_bucket.1 <= value,
                        "buckets must not fall: {line}"
                    );
                    last_bucket = (labels, value);
                }
            }
            _ => panic!("{line}"),
        }
    }
    assert!(families.len() >= 7, "{families:?}");
}
