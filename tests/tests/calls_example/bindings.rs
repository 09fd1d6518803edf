//! Every binding of the example, through every kind of caller, and the proof that none was left out.

use crate::talk::{Talk, keys, list, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tenet_tests::gateway::sample_sum;
use tenet_tests::{Caller, Up, eventually, example, http1};

#[test]
fn every_binding_answers_every_kind_of_caller() {
    let (_project, up) = example::up(|text| text);
    let test = "calls_example::every_binding_answers_every_kind_of_caller";
    let callers = [
        ("own1", Some(Caller::Http1(up.public))),
        ("own2", Some(Caller::http2(up.public))),
        ("curl1", Caller::curl(test, up.public, "--http1.1")),
        ("curl2", Caller::curl(test, up.public, "--http2-prior-knowledge")),
    ];
    for (tag, caller) in callers {
        let Some(caller) = caller else { continue };
        let talk = Talk::new(&caller, tag);
        users(&talk);
        followers(&talk);
        charges(&talk);
        timelines(&talk);
        posts(&talk);
        search(&talk);
        media(&talk);
    }
    none_was_left_out(&up);
}

fn users(talk: &Talk) {
    let u1 = talk.get("/v1/users/u1");
    assert_eq!(text(&u1, "userId"), "u1");
    assert_eq!(text(&u1, "handle"), "ben_1");
    assert_eq!(text(&u1, "role"), "MEMBER");
    assert_eq!(u1["contact"], json!({ "email": "u1@feed.example" }));
    assert!(text(&u1, "createTime").ends_with('Z'), "{u1}");
    assert_eq!(text(&u1, "etag").len(), 12, "eight bytes in base64: {u1}");
    assert!(text(&u1, "followingCount").parse::<u32>().unwrap() >= 20, "an int64 is a string: {u1}");
    for absent in ["bio", "verified", "labels"] {
        assert_eq!(u1.get(absent), None, "{u1}");
    }
    // The literal segment wins over the capture; the additional binding is the same method.
    assert_eq!(talk.get("/v1/users/me"), u1);
    assert_eq!(talk.get("/v1/handles/ben_1"), u1);
    assert_eq!(talk.get("/v1/users/u3")["verified"], json!(false), "a wrapper has presence");
    let whale = talk.get("/v1/users/whale");
    assert_eq!((text(&whale, "followingCount"), &whale["verified"]), ("50000", &json!(true)));
    assert_eq!(talk.get("/v1/users/%77hale"), whale, "a percent-encoded letter is the letter");

    for query in [
        "page_size=2&filter.handle_prefix=ada_&filter.roles=MODERATOR&filter.created_after=2020-01-01T00:00:00Z&order=NEWEST_FIRST",
        "pageSize=2&filter.handlePrefix=ada_&filter.roles=2&filter.roles=3&filter.createdAfter=2020-01-01T01:00:00%2B01:00&order=2",
    ] {
        let page = talk.get(&format!("/v1/users?{query}"));
        assert_eq!((list(&page, "users").len(), &page["totalSize"]), (2, &json!(3)), "{page}");
        assert!(!text(&page, "nextPageToken").is_empty());
    }
    let verified =
        talk.get("/v1/users?filter.handle_prefix=ada_&filter.roles=MODERATOR&filter.verified=true");
    assert_eq!((list(&verified, "users").len(), text(&verified["users"][0], "userId")), (1, "u0"));

    let batch = talk.get("/v1/users:batchGet?user_ids=u2&user_ids=nobody&userIds=u1");
    let ids: Vec<_> = list(&batch, "users").iter().map(|user| text(user, "userId")).collect();
    assert_eq!((ids, &batch["missingUserIds"]), (vec!["u2", "u1"], &json!(["nobody"])));

    let tag = &talk.tag;
    let user = json!({
        "handle": format!("{tag}_h"), "displayName": "Zoë \u{1f40b}", "bio": "", "role": "BOT",
        "contact": { "email": "a@feed.example", "urls": ["https://a.example/?q=1"] }, "labels": { "team": "a" },
    });
    let create = format!("/v1/users?user_id={tag}");
    talk.ok("POST", &format!("{create}&validate_only=true"), Some(user.clone()));
    talk.refused("GET", &format!("/v1/users/{tag}"), None, 404, "NOT_FOUND");
    let made = talk.ok("POST", &create, Some(user.clone()));
    assert_eq!(text(&made, "displayName"), "Zoë \u{1f40b}");
    assert_eq!(made["bio"], json!(""), "set and empty is not unset");
    assert_eq!(made["labels"], json!({ "team": "a" }));
    let again = talk.refused("POST", &create, Some(user), 409, "ALREADY_EXISTS");
    assert_eq!(text(&again["details"][0], "reason"), "USER_EXISTS");

    // The path gives user.user_id, the query the mask, the body the rest of user: all one message.
    let changed = talk.ok(
        "PATCH",
        &format!("/v1/users/{tag}?update_mask=displayName,contact.email"),
        Some(json!({ "display_name": "New", "contact": { "email": "n@feed.example" }, "bio": "not in the mask" })),
    );
    assert_eq!(text(&changed, "displayName"), "New");
    assert_eq!(changed["contact"], json!({ "email": "n@feed.example", "urls": ["https://a.example/?q=1"] }));
    assert_eq!(changed["bio"], json!(""));
    assert_ne!(changed["etag"], made["etag"]);
}

fn followers(talk: &Talk) {
    let tag = &talk.tag;
    let follower = json!({ "followerId": tag });
    let follow = |id: &str| talk.ok("POST", &format!("/v1/users/{id}:follow"), Some(follower.clone()));
    assert_eq!(follow("u5"), json!({ "changed": true, "followingCount": "1" }));
    assert_eq!(follow("u5"), json!({ "followingCount": "1" }), "false is the default and not printed");
    assert_eq!(talk.get(&format!("/v1/users/{tag}/following")), json!(["u5"]), "response_body");
    assert_eq!(talk.get("/v1/users/u1/following?page_size=1").as_array().unwrap().len(), 1);
    let unfollow = |status| format!("/v1/users/u5:unfollow{status}");
    assert_eq!(talk.ok("POST", &unfollow(""), Some(follower.clone())), json!({}));
    talk.refused("POST", &unfollow(""), Some(follower.clone()), 400, "FAILED_PRECONDITION");
    assert_eq!(
        talk.get(&format!("/v1/users/{tag}/following")),
        json!([]),
        "an empty list is still the answer"
    );
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let pong = talk.ok(method, "/v1/accounts:ping?text=hi%20there", None);
        assert_eq!((text(&pong, "text"), keys(&pong)), ("hi there", vec!["instance", "text"]), "{method}");
    }
    assert_eq!(talk.ok("DELETE", &format!("/v1/users/{tag}"), None), json!({}));
    talk.refused("DELETE", &format!("/v1/users/{tag}"), None, 404, "NOT_FOUND");
}

fn charges(talk: &Talk) {
    let order = json!({
        "userId": "u7", "amount": { "currencyCode": "EUR", "units": 12, "nanos": 500_000_000 },
        "card": { "token": format!("tok_{}", talk.tag), "last4": "4242" }, "description": "tea", "authorizeOnly": true,
    });
    let charge = talk.ok("POST", "/v1/charges", Some(order));
    assert_eq!(charge["amount"], json!({ "currencyCode": "EUR", "units": "12", "nanos": 500_000_000 }));
    assert_eq!((text(&charge, "state"), text(&charge, "cardLast4")), ("AUTHORIZED", "4242"));
    assert_eq!(text(&charge["steps"][0], "state"), "AUTHORIZED");
    let id = text(&charge, "chargeId");
    assert_eq!(talk.get(&format!("/v1/charges/{id}")), charge);
    assert_eq!(talk.get(&format!("/v1/users/u7/charges/{id}")), charge);
    talk.refused("GET", &format!("/v1/users/u8/charges/{id}"), None, 404, "NOT_FOUND");
    let act = |verb: &str, body: Value| talk.ok("POST", &format!("/v1/charges/{id}:{verb}"), Some(body));
    assert_eq!(text(&act("capture", json!({})), "state"), "CAPTURED");
    let part = json!({ "amount": { "currency_code": "EUR", "units": "2" }, "reason": "cold" });
    assert_eq!(text(&act("refund", part), "state"), "PARTLY_REFUNDED");
    let all = act("refund", json!({ "amount": null }));
    assert_eq!((text(&all, "state"), text(&all["refunded"], "units")), ("REFUNDED", "12"));
    talk.refused("POST", &format!("/v1/charges/{id}:refund"), Some(json!({})), 400, "FAILED_PRECONDITION");
    let query =
        "filter.states=REFUNDED&filter.min_amount.currency_code=EUR&filter.min_amount.units=12&page_size=200";
    let page = talk.get(&format!("/v1/users/u7/charges?{query}"));
    assert!(list(&page, "charges").iter().any(|one| text(one, "chargeId") == id), "{page}");
    assert!(list(&page, "charges").iter().all(|one| text(one, "state") == "REFUNDED"), "{page}");
    let paid =
        talk.ok("POST", "/v1/pay", Some(json!({ "userId": "u7", "cents": "1250", "token": "tok_old" })));
    assert_eq!(paid["amount"], json!({ "currencyCode": "EUR", "units": "12", "nanos": 500_000_000 }));
}

fn timelines(talk: &Talk) {
    let query = "page_size=3&kinds=TEXT&kinds=3&window.start=2020-01-01T00:00:00Z&min_likes=1";
    let page = talk.get(&format!("/v1/users/u7/timeline?{query}"));
    assert_eq!(list(&page, "posts").len(), 3);
    for post in list(&page, "posts") {
        assert!(post["text"].is_string() && text(post, "authorHandle").contains('_'), "{post}");
        assert!(text(post, "likeCount").parse::<i64>().unwrap() >= 1);
        assert!(post["wordCount"].is_u64(), "a UInt32Value is a number: {post}");
    }
    assert!(text(&page, "buildTime").ends_with('s') && page["followedCount"].is_u64(), "{page}");
    assert!(text(&page, "candidateCount").parse::<i64>().unwrap() > 0);
    let token = text(&page, "nextPageToken").replace('/', "%2F");
    let next = talk.get(&format!("/v1/users/u7/timeline?{query}&page_token={token}"));
    let names = |page: &Value| -> BTreeSet<String> {
        list(page, "posts").iter().map(|post| text(post, "name").to_owned()).collect()
    };
    assert!(names(&page).is_disjoint(&names(&next)), "{page}\n{next}");
    let masked = talk.get("/v1/users/u7/timeline?page_size=1&kinds=TEXT&read_mask=name,text");
    assert_eq!(keys(&masked["posts"][0]), ["name", "text"]);

    let suggested = talk.get("/v1/users/u7/suggestions?limit=3");
    assert_eq!(list(&suggested, "suggestions").len(), 3);
    assert!(suggested["suggestions"][0]["score"].as_f64().is_some_and(|score| score > 0.0), "{suggested}");

    let stats = talk.get("/v1/users/u8/stats");
    assert_eq!(text(&stats, "postCount"), "20");
    assert!(stats["meanLikes"].is_f64() || stats["meanLikes"].is_u64(), "{stats}");
    assert!(stats["postsByTag"].as_object().unwrap().values().all(Value::is_string), "int64 values: {stats}");
    assert!(
        stats["postsByHour"].as_object().unwrap().keys().all(|hour| hour.parse::<u8>().is_ok()),
        "{stats}"
    );
    assert!(stats["postsByHour"].as_object().unwrap().values().all(Value::is_u64), "{stats}");
    assert!(text(&stats, "usualGap").ends_with('s'), "{stats}");
    assert_eq!(text(&stats["latest"], "@type"), "type.googleapis.com/feed.timeline.v1.Post");
    assert!(text(&stats["latest"], "name").starts_with("users/u8/posts/s"), "{stats}");
    assert_eq!((&stats["extra"]["user"], &stats["extra"]["quiet"]), (&json!("u8"), &json!(false)));
}

fn posts(talk: &Talk) {
    let tag = format!("{}p", talk.tag);
    talk.ok("POST", "/v1/users", Some(json!({ "handle": tag })));
    let quiet = talk.get(&format!("/v1/users/{tag}/stats"));
    assert_eq!(
        (&quiet["meanLikes"], &quiet["extra"]["span_seconds"]),
        (&json!("NaN"), &Value::Null),
        "{quiet}"
    );

    let page = talk.get("/v1/users/u7/posts?page_size=2");
    assert_eq!(list(&page, "posts").len(), 2);
    assert_eq!(text(&talk.get("/v1/users/u7/posts/s1"), "name"), "users/u7/posts/s1");
    let made = talk.ok(
        "POST",
        &format!("/v1/users/{tag}/posts"),
        Some(json!({ "text": "hello \"you\"", "tags": ["tea"], "place": { "latitude": 1.5, "longitude": -2.5 } })),
    );
    assert_eq!((text(&made, "text"), &made["wordCount"]), ("hello \"you\"", &json!(2)));
    assert_eq!(made["place"], json!({ "latitude": 1.5, "longitude": -2.5 }));
    assert_eq!(made.get("likeCount"), None, "a zero without presence is not printed: {made}");
    let name = text(&made, "name");
    let update = format!("/v1/{name}?update_mask=text,tags");
    let old = json!({ "text": "bye", "etag": "0" });
    talk.refused("PATCH", &update, Some(old), 409, "ABORTED");
    let changed = talk.ok("PATCH", &update, Some(json!({ "text": "bye", "etag": made["etag"] })));
    assert_eq!((text(&changed, "text"), changed.get("tags")), ("bye", None));
    let like = format!("/v1/{name}:like");
    assert_eq!(talk.ok("POST", &like, Some(json!({ "times": 3 }))), json!({ "likeCount": "3" }));
    // `body: "*"` without a body is a message without fields.
    assert_eq!(talk.ok("POST", &like, None), json!({ "likeCount": "4" }));
    assert_eq!(talk.ok("DELETE", &format!("/v1/{name}"), None), json!({}));
    talk.refused("GET", &format!("/v1/{name}"), None, 404, "NOT_FOUND");
    let poll = json!({ "poll": { "question": "?", "answers": ["a", "b"], "openFor": "5400.250s" } });
    let made = talk.ok("POST", &format!("/v1/users/{tag}/posts"), Some(poll));
    assert_eq!(made["poll"], json!({ "question": "?", "answers": ["a", "b"], "openFor": "5400.250s" }));
}

fn search(talk: &Talk) {
    let found = talk.get("/v1/posts:search?query=tea&tags=tea&tags=rain&page_size=2&kind=TEXT");
    assert_eq!(list(&found, "posts").len(), 2);
    let body = json!({ "query": "tea", "tags": ["tea", "rain"], "pageSize": 2, "kind": 1 });
    assert_eq!(talk.ok("POST", "/v1/posts:search", Some(body))["posts"], found["posts"]);
    let near =
        talk.get("/v1/posts:search?near.centre.latitude=1.5&near.centre.longitude=-2e0&near.radius_km=1");
    assert!(near.is_object(), "{near}");
}

fn media(talk: &Talk) {
    let avatar = talk.call("GET", "/v1/media/avatars/u7.svg", &[], None);
    assert_eq!((avatar.status, avatar.header("content-type")), (200, Some("image/svg+xml")));
    assert!(avatar.text().starts_with("<svg") && avatar.header("x-request-id").is_some(), "{avatar:?}");
    let head = talk.call("HEAD", "/v1/media/avatars/u7.svg", &[], None);
    assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
    assert_eq!(head.header("content-type"), Some("image/svg+xml"));
    let bytes: Vec<u8> = (0..=255).collect();
    let path = format!("/v1/media/{}/deep/er/all.bin", talk.tag);
    let put = talk.call("PUT", &path, &[("content-type", "image/x-all; depth=8")], Some(&bytes));
    let info = put.json();
    assert_eq!((put.status, text(&info, "sizeBytes")), (200, "256"), "{info}");
    assert_eq!(info["crc32"], json!(0x2905_8c73), "CRC-32 of all bytes from 0 to 255");
    let got = talk.call("GET", &path, &[], None);
    assert_eq!((got.header("content-type"), &got.body), (Some("image/x-all; depth=8"), &bytes));
}

/// Every operation of the OpenAPI document was recorded as answered with OK by one of the gateways.
fn none_was_left_out(up: &Up) {
    let document = http1::get(up.public, "/openapi.json").json();
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| {
            let verbs = ["get", "put", "post", "delete", "patch", "head", "options"];
            path.as_object().unwrap().keys().filter(|key| verbs.contains(&key.as_str())).count()
        })
        .sum();
    assert!(operations >= 30, "{operations} operations");
    let mut seen = BTreeSet::new();
    eventually("both gateways to have recorded every endpoint", || {
        for gateway in up.state["gateways"].as_array()? {
            let metrics = http1::get(gateway["admin"].as_str()?.parse().ok()?, "/metrics").text();
            for line in metrics.lines().filter(|line| line.starts_with("tenet_requests_total{")) {
                let endpoint = line.split_once("endpoint=\"")?.1.split_once('"')?.0;
                let labels = [format!("endpoint=\"{endpoint}\""), "code=\"OK\"".to_owned()];
                let labels = labels.each_ref().map(String::as_str);
                if sample_sum(&metrics, "tenet_requests_total", &labels) > 0.0 && endpoint.contains(" /v1/") {
                    seen.insert(endpoint.to_owned());
                }
            }
        }
        (seen.len() >= EXPECTED).then_some(())
    });
    assert_eq!(seen.len(), EXPECTED, "{seen:#?}");
}

/// Bindings of the example: 12 of accounts, 7 of payments, 11 of timelines, 2 of media.
const EXPECTED: usize = 32;
