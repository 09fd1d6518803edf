//! A call with an allowance and its children, whose answers are scripted.

use crate::{Context, PropagateLayer};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use std::sync::{Arc, Mutex};
use tenet_resilience::allowance::SPENT;
use tokio::sync::Barrier;
use tonic::body::Body;
use tower::{Layer, ServiceExt, service_fn};

/// How a child answers.
#[derive(Clone, Copy)]
enum Answer {
    /// A message, then trailers with this report.
    Trailers(Option<&'static str>),
    /// All in the head, with this report.
    Head(Option<&'static str>),
    /// The connection breaks before the answer.
    Lost,
    /// The connection breaks before the trailers.
    Cut,
}
use Answer::{Cut, Head, Lost, Trailers};

fn context(baggage: &str) -> Context {
    let mut headers = HeaderMap::new();
    headers.insert("baggage", baggage.parse().unwrap());
    Context::from_headers(&headers, None)
}

fn end(spent: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", HeaderValue::from_static("0"));
    if let Some(spent) = spent {
        headers.insert(SPENT, HeaderValue::from_static(spent));
    }
    headers
}

fn respond(answer: Answer) -> Result<Response<Body>, std::io::Error> {
    let frames = match answer {
        Lost => return Err(std::io::ErrorKind::ConnectionReset.into()),
        Head(spent) => {
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = end(spent);
            return Ok(response);
        }
        Trailers(spent) => {
            let data = http_body::Frame::data(Bytes::from_static(b"\0\0\0\0\0"));
            vec![Ok(data), Ok(http_body::Frame::trailers(end(spent)))]
        }
        Cut => vec![Err(tonic::Status::unavailable("cut"))],
    };
    Ok(Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames)))))
}

/// Makes these calls at the same time within `context`, reads their answers to the end, and returns the baggage each child
/// saw, in no particular order but sorted.
async fn children(context: &Context, answers: &[Answer]) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all_there = Arc::new(Barrier::new(answers.len()));
    let calls = answers.iter().map(|answer| {
        let (seen, all_there, answer) = (seen.clone(), all_there.clone(), *answer);
        let child = service_fn(move |request: Request<Body>| {
            let baggage = request.headers().get("baggage").map(|value| value.to_str().unwrap().to_owned());
            seen.lock().unwrap().push(baggage.unwrap_or_default());
            let all_there = all_there.clone();
            async move {
                // Nobody answers before everybody was asked: the calls are parallel.
                all_there.wait().await;
                respond(answer)
            }
        });
        async move {
            if let Ok(response) = PropagateLayer.layer(child).oneshot(Request::new(Body::empty())).await {
                let _ = response.into_body().collect().await;
            }
        }
    });
    context.clone().scope(join_all(calls)).await;
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    seen
}

#[tokio::test]
async fn parallel_children_divide_the_allowance_and_what_they_leave_comes_back() {
    let context = context("a=b,tenet-allowance=8");
    let seen = children(&context, &[Trailers(Some("1")), Head(Some("0")), Trailers(Some("0"))]).await;
    // 8 left: 4. 4 left: 2. 2 left: 1. In all 7, and one stays.
    assert_eq!(seen, ["a=b,tenet-allowance=1", "a=b,tenet-allowance=2", "a=b,tenet-allowance=4"]);
    let allowance = context.allowance.as_ref().unwrap();
    assert_eq!((allowance.left(), allowance.spent()), (7, 1));
    let seen = children(&context, &[Trailers(Some("0"))]).await;
    assert_eq!(seen, ["a=b,tenet-allowance=4"]);
    assert_eq!(allowance.close(), 1);
}

#[tokio::test]
async fn what_is_not_reported_is_spent() {
    for (answer, spent) in [
        (Trailers(Some("0")), 0),
        (Trailers(Some("2")), 2),
        (Head(Some("1")), 1),
        (Trailers(None), 2),
        (Head(None), 2),
        (Trailers(Some("many")), 2),
        (Trailers(Some("9")), 2),
        (Lost, 2),
        (Cut, 2),
    ] {
        let context = context("tenet-allowance=3");
        assert_eq!(children(&context, &[answer]).await, ["tenet-allowance=2"]);
        assert_eq!(context.allowance.unwrap().close(), spent);
    }
}

#[tokio::test]
async fn a_child_that_gets_nothing_is_told_so() {
    let context = context("tenet-allowance=1");
    assert_eq!(children(&context, &[Trailers(Some("0"))]).await, ["tenet-allowance=0"]);
    assert_eq!(context.allowance.unwrap().close(), 0);
}

#[tokio::test]
async fn a_shared_allowance_is_passed_on_as_it_is_and_none_stays_none() {
    for baggage in ["tenet-allowance=2.0a1f00c0ffee1234,a=b", "a=b"] {
        let context = context(baggage);
        assert!(context.allowance.is_none());
        assert_eq!(children(&context, &[Trailers(None), Trailers(None)]).await, [baggage, baggage]);
    }
    assert_eq!(children(&Context::background(), &[Trailers(None)]).await, ["tenet-allowance=*"]);
}

#[tokio::test]
async fn a_share_that_finds_no_room_is_not_spent() {
    let full = format!("a={}", "x".repeat(8192 - 2));
    let context = context("tenet-allowance=3");
    let mut headers = HeaderMap::new();
    headers.insert("baggage", full.parse().unwrap());
    assert!(context.write_headers(&mut headers).is_none());
    assert_eq!(headers["baggage"], full);
    assert_eq!(context.allowance.unwrap().close(), 0);
}
