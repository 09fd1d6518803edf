//! What the contract does not know: ignored, counted and named by default; refused where a service is strict.

use crate::talk::{Talk, text};
use serde_json::json;
use tenet_tests::door::check_problem;
use tenet_tests::{Caller, eventually, example};

const LIKE: &str = "/v1/users/u7/posts/s1:like";

#[test]
fn unknown_fields_are_ignored_counted_and_named() {
    let (_project, up) = example::up(|text| text);
    let callers = [Caller::Http1(up.public), Caller::http2(up.public)];
    for caller in &callers {
        let talk = Talk::new(caller, "x");
        for (method, path, body, names) in [
            ("POST", LIKE, Some(json!({ "times": 1, "mood": "fine" })), vec!["mood"]),
            (
                "POST",
                LIKE,
                Some(json!({ "mood": { "deep": [1, { "er": null }] }, "Times": 2 })),
                vec!["mood", "Times"],
            ),
            (
                "POST",
                "/v1/users/u7/posts",
                Some(json!({ "text": "t", "place": { "latitude": 1, "planet": "x" } })),
                vec!["planet"],
            ),
            ("GET", "/v1/users/u1?debug=1&utm_source=mail", None, vec!["debug", "utm_source"]),
            ("GET", "/v1/users?filter.shoe_size=43&page_size=1", None, vec!["filter.shoe_size"]),
        ] {
            let answer = talk.ask(method, path, body.as_ref());
            let named = answer.header("tenet-ignored-fields").unwrap_or_default();
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
            for name in &names {
                assert!(named.contains(name), "{method} {path}: {name} is not named in {named:?}");
            }
            assert_eq!(named.split(", ").count(), names.len(), "{method} {path}: {named:?}");
        }
        // Unknown values of enums are not fields: a newer client's constant is dropped, not fatal (ProtoJSON).
        let hostile = talk.ask("POST", LIKE, Some(&json!({ "a\r\nset-cookie: x=y": 1, "é": 2 })));
        assert_eq!(hostile.status, 200, "{}", hostile.text());
        assert_eq!(hostile.header("set-cookie"), None, "{:?}", hostile.headers);
        assert!(hostile.header("tenet-ignored-fields").is_some(), "{:?}", hostile.headers);
    }
    // 1 + 2 + 1 + 2 of the last row in bodies, 2 + 1 in queries, by each of two callers.
    eventually("ignored fields and parameters to be counted", || {
        let counted =
            up.metric("tenet_unknown_fields_total", &[]) + up.metric("tenet_unknown_parameters_total", &[]);
        assert!(counted <= 18.0, "{counted} counted");
        (counted == 18.0).then_some(())
    });
    assert_eq!(up.metric("tenet_unknown_fields_total", &[]), 12.0);
}

#[test]
fn a_strict_service_refuses_them_with_name_and_position() {
    let (_project, up) = example::up(|text| {
        text.replace("[services.timeline]", "[services.timeline.json]\nstrict = true\n[services.timeline]")
    });
    let callers = [Caller::Http1(up.public), Caller::http2(up.public)];
    for caller in &callers {
        let talk = Talk::new(caller, "x");
        let answer = talk.ask("POST", LIKE, Some(&json!({ "mood": 1 })));
        check_problem("mood", &answer, 400, "UNKNOWN_FIELD");
        let json = answer.json();
        assert!(text(&json, "detail").contains("mood"), "{json}");
        assert!(text(&json, "detail").chars().any(|c| c.is_ascii_digit()), "no position in {json}");
        let query = talk.ask("GET", "/v1/users/u7/posts?page_sise=2", None);
        check_problem("page_sise", &query, 400, "UNKNOWN_FIELD");
        assert!(text(&query.json(), "detail").contains("page_sise"), "{}", query.text());
        // Strictness is the service's own.
        assert_eq!(talk.ask("GET", "/v1/users/u1?debug=1", None).status, 200);
    }
}

#[test]
fn a_service_prints_as_its_settings_say() {
    let settings = "[services.accounts.json]\npreserve_field_names = true\n\
                    always_print_fields_without_presence = true\nenums_as_numbers = true\n[services.accounts]";
    let (_project, up) = example::up(|text| text.replace("[services.accounts]", settings));
    let caller = Caller::Http1(up.public);
    let talk = Talk::new(&caller, "x");
    let user = talk.get("/v1/users/u1");
    assert_eq!((&user["user_id"], &user["role"]), (&json!("u1"), &json!(1)), "{user}");
    assert_eq!((&user["labels"], user.get("bio"), user.get("verified")), (&json!({}), None, None), "{user}");
    let whale = talk.get("/v1/users/whale");
    assert_eq!(
        (&whale["following_count"], &whale["contact"]["urls"]),
        (&json!("50000"), &json!([])),
        "{whale}"
    );
    // Others print as they did.
    assert!(talk.get("/v1/users/u7/posts/s1").get("authorId").is_some());
}
