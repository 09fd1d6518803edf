//! What a caller is told when the example says no, in each of the three public forms.

use crate::talk::{Talk, list, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tenet_tests::door::check_problem;
use tenet_tests::{Caller, PATIENCE, eventually, example, http1, raw};

#[test]
fn every_refusal_of_a_service_arrives_with_its_details() {
    let (_project, up) = example::up(|text| text);
    for (tag, caller) in [("own1", Caller::Http1(up.public)), ("own2", Caller::http2(up.public))] {
        let talk = Talk::new(&caller, tag);
        validation(&talk);
        declined(&talk);
        unreachable_bank(&talk);
        too_slow(&talk);
        panic_in_a_service(&talk);
        unreadable_requests(&talk);
        wrong_media_types(&talk);
    }
    // What was refused is seen in the metrics of the gateways, by its code and endpoint.
    for (endpoint, code) in [
        ("POST /v1/users", "INVALID_ARGUMENT"),
        ("POST /v1/charges", "FAILED_PRECONDITION"),
        ("POST /v1/charges", "UNAVAILABLE"),
        // The gateway's or the service's, whoever noticed first.
        ("POST /v1/charges", "*DEADLINE_EXCEEDED"),
        ("POST /v1/charges", "INTERNAL"),
        ("POST /v1/charges", "INVALID_JSON"),
        ("POST /v1/charges", "UNSUPPORTED_MEDIA_TYPE"),
        ("GET /v1/users", "INVALID_PARAMETER"),
        ("GET /v1/users/{user_id}", "NOT_ACCEPTABLE"),
    ] {
        let code = code.strip_prefix('*').map_or(format!("code=\"{code}\""), |end| format!("{end}\""));
        let labels = [format!("endpoint=\"{endpoint}\""), code.clone()];
        let labels = labels.each_ref().map(String::as_str);
        eventually(&format!("{endpoint} {code} in the metrics"), || {
            (up.metric("tenet_requests_total", &labels) >= 2.0).then_some(())
        });
    }
}

fn of_type<'v>(details: &'v Value, name: &str) -> &'v Value {
    let name = format!("type.googleapis.com/google.rpc.{name}");
    details
        .as_array()
        .and_then(|all| all.iter().find(|one| one["@type"] == name.as_str()))
        .unwrap_or_else(|| panic!("no {name} in {details}"))
}

fn fields(details: &Value) -> BTreeSet<&str> {
    list(of_type(details, "BadRequest"), "fieldViolations").iter().map(|one| text(one, "field")).collect()
}

const FOUR_WRONG: [&str; 4] = ["user.bio", "user.contact.email", "user.handle", "user_id"];

fn bad_user() -> Value {
    json!({ "handle": "a b", "bio": "x".repeat(301), "contact": { "email": "no" } })
}

/// As a problem document, and as `google.rpc.Status` where `Accept` asks for plain JSON.
fn validation(talk: &Talk) {
    let problem = talk.refused("POST", "/v1/users?user_id=A", Some(bad_user()), 400, "INVALID_ARGUMENT");
    assert_eq!(fields(&problem["details"]), BTreeSet::from(FOUR_WRONG), "{problem}");
    let info = of_type(&problem["details"], "ErrorInfo");
    assert_eq!((text(info, "reason"), text(info, "domain")), ("INVALID_FIELDS", "feed.example"));
    assert_eq!(
        (text(&problem, "grpc_code"), text(&problem, "retry"), text(&problem, "title")),
        ("INVALID_ARGUMENT", "never", "Invalid argument")
    );
    assert_eq!(text(&problem, "detail"), "4 fields of the request are wrong.");

    let body = bad_user().to_string();
    for (accept, status_json) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("application/problem+json", false),
        ("*/*", false),
        ("application/json, application/problem+json", false),
    ] {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        let answer = talk.call("POST", "/v1/users?user_id=A", &headers, Some(body.as_bytes()));
        let seen = format!("{accept}: {} {:?} {}", answer.status, answer.headers, answer.text());
        assert_eq!(answer.status, 400, "{seen}");
        let json = answer.json();
        if status_json {
            assert_eq!(answer.header("content-type"), Some("application/json"), "{seen}");
            assert_eq!(
                (&json["code"], text(&json, "message")),
                (&json!(3), "4 fields of the request are wrong.")
            );
            assert!(json.get("status").is_none(), "{seen}");
        } else {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{seen}");
        }
        assert_eq!(fields(&json["details"]), BTreeSet::from(FOUR_WRONG), "{seen}");
    }
}

fn charge(token: &str) -> Value {
    json!({ "userId": "u7", "amount": { "currencyCode": "EUR", "units": "12" }, "card": { "token": token, "last4": "0002" } })
}

fn declined(talk: &Talk) {
    let problem =
        talk.refused("POST", "/v1/charges", Some(charge("tok_declined")), 400, "FAILED_PRECONDITION");
    let info = of_type(&problem["details"], "ErrorInfo");
    assert_eq!((text(info, "reason"), text(&info["metadata"], "last4")), ("CARD_DECLINED", "0002"));
    let violation = &of_type(&problem["details"], "PreconditionFailure")["violations"][0];
    assert_eq!((text(violation, "type"), text(violation, "subject")), ("CARD", "card"));
}

fn unreachable_bank(talk: &Talk) {
    let answer = talk.ask("POST", "/v1/charges", Some(&charge("tok_unreachable")));
    check_problem("tok_unreachable", &answer, 503, "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("2"), "{:?}", answer.headers);
    let json = answer.json();
    assert_eq!(text(of_type(&json["details"], "RetryInfo"), "retryDelay"), "2s");
    assert!(!answer.text().contains("rehearsed"), "the cause is for the log, not for strangers: {json}");
}

/// The contract gives a charge four seconds; a caller that gives less gets an answer then.
fn too_slow(talk: &Talk) {
    let body = charge("tok_slow").to_string();
    let headers = [("content-type", "application/json"), ("grpc-timeout", "150m")];
    let answer = talk.call("POST", "/v1/charges", &headers, Some(body.as_bytes()));
    let json = answer.json();
    assert_eq!(answer.status, 504, "{json}");
    assert!(
        ["GATEWAY_DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"].contains(&text(&json, "code")),
        "whoever of the two noticed first: {json}"
    );
}

fn panic_in_a_service(talk: &Talk) {
    let problem = talk.refused("POST", "/v1/charges", Some(charge("tok_crash")), 500, "INTERNAL");
    assert!(!problem.to_string().contains("rehearsed"), "a panic's words are for the log: {problem}");
    talk.get("/v1/charges/ch_u7_s0");
}

fn unreadable_requests(talk: &Talk) {
    for (body, hint) in [
        (r#"{"userId": }"#, "byte 11"),
        (r#"{"userId": 7}"#, "user"),
        (r#"{"amount": {"units": "twelve"}}"#, "amount.units"),
        (r#"{"amount": {"nanos": 3000000000}}"#, "amount.nanos"),
        (r#"{"amount": []}"#, "amount"),
        (r#"{"card": {"token": "t"}, "walletId": "w"}"#, "oneof"),
        ("", ""),
        ("[]", ""),
        ("{} {}", ""),
        (r#"{"description": "\ud800"}"#, "description"),
    ] {
        if body.is_empty() {
            continue;
        }
        let headers = [("content-type", "application/json")];
        let answer = talk.call("POST", "/v1/charges", &headers, Some(body.as_bytes()));
        check_problem(body, &answer, 400, "INVALID_JSON");
        let json = answer.json();
        assert!(text(&json, "detail").contains(hint), "{body}: {hint:?} is not in {json}");
    }
    for (path, hint) in [
        ("/v1/users?page_size=many", "page_size"),
        ("/v1/users?page_size=1&page_size=2x", "page_size"),
        ("/v1/users?order=SIDEWAYS", "order"),
        ("/v1/users?filter.created_after=yesterday", "filter.created_after"),
        ("/v1/users?filter.verified=perhaps", "filter.verified"),
        ("/v1/users?page_token=%ff", "page_token"),
    ] {
        let problem = talk.refused("GET", path, None, 400, "INVALID_PARAMETER");
        assert!(text(&problem, "detail").contains(hint), "{path}: {problem}");
    }
}

fn wrong_media_types(talk: &Talk) {
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/grpc-web", "x"] {
        let answer = talk.call("POST", "/v1/charges", &[("content-type", content_type)], Some(b"{}"));
        check_problem(content_type, &answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let coded = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let answer = talk.call("POST", "/v1/charges", &coded, Some(b"\x1f\x8b"));
    check_problem("gzip", &answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    let answer = talk.call("GET", "/v1/users/u1", &[("accept", "text/html")], None);
    check_problem("text/html", &answer, 406, "NOT_ACCEPTABLE");
}

#[test]
fn a_caller_that_leaves_is_recorded_as_cancelled() {
    let (_project, up) = example::up(|text| text);
    let body = charge("tok_slow").to_string();
    let head = format!(
        "POST /v1/charges HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let heard = raw::send(up.public, head.as_bytes(), std::time::Duration::from_millis(300));
    assert!(heard.bytes.is_empty() && !heard.closed, "nothing yet: {heard:?}");
    eventually(&format!("CANCELLED in the metrics within {PATIENCE:?}"), || {
        let labels = ["endpoint=\"POST /v1/charges\"", "code=\"CANCELLED\""];
        (up.metric("tenet_requests_total", &labels) == 1.0).then_some(())
    });
    assert_eq!(http1::get(up.public, "/v1/users/u1").status, 200);
}
