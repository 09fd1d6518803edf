//! Somebody who writes to the example in all the ways it has, notes what was acknowledged, and can tell whether it is there.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tenet_tests::{PATIENCE, eventually, http1};

/// The largest file there may be: longer than an item of the store.
const LARGE: usize = 1 << 20;

/// What one has written to one user's state.
#[derive(Default)]
pub struct Writer {
    user: String,
    /// Texts of posts by name.
    posts: BTreeMap<String, String>,
    /// Likes of a seeded post: those it had, those that were acknowledged, and those that were asked for.
    liked: (i64, i64, i64),
    /// Charges by the key that they were asked for with.
    charges: BTreeMap<String, String>,
    following: BTreeSet<String>,
    media: BTreeMap<String, Vec<u8>>,
}

impl Writer {
    /// Writes until it `ends`, and counts what is acknowledged.
    ///
    /// # Panics
    /// When an answer is neither a success nor one after which a caller may come back.
    pub fn run(at: SocketAddr, number: usize, done: &AtomicU64, ends: &AtomicBool) -> Writer {
        let mut writer = Writer { user: format!("writer{number}"), ..Writer::default() };
        let user = writer.user.clone();
        writer.until_done(at, &|_| json(at, "POST", "/v1/users", &[], &json!({ "handle": user })));
        writer.liked.0 = writer.likes(at);
        let mut count = 0;
        while !ends.load(Ordering::Relaxed) {
            count += 1;
            let acknowledged = writer.write(at, count);
            done.fetch_add(acknowledged, Ordering::Relaxed);
        }
        writer
    }

    /// One of each; how many were acknowledged.
    fn write(&mut self, at: SocketAddr, count: usize) -> u64 {
        let user = self.user.clone();
        let mut acknowledged = 0;
        let text = format!("post {count}");
        let posts = format!("/v1/users/{user}/posts");
        if let Some(post) = accepted(&json(at, "POST", &posts, &[], &json!({ "text": text }))) {
            self.posts.insert(post["name"].as_str().unwrap_or_default().to_owned(), text);
            acknowledged += 1;
        }

        self.liked.2 += 1;
        let like = format!("{}:like", self.post());
        if accepted(&json(at, "POST", &like, &[], &json!({}))).is_some() {
            self.liked.1 += 1;
            acknowledged += 1;
        }

        // What has a key is asked for until it is there: it is done once.
        let key = format!("{user}-{count}");
        let charge = json!({
            "user_id": user, "description": key, "wallet_id": "w-1",
            "amount": { "currency_code": "EUR", "units": "3" },
        });
        let made =
            self.until_done(at, &|_| json(at, "POST", "/v1/charges", &[("idempotency-key", &key)], &charge));
        self.charges.insert(key, made["chargeId"].as_str().unwrap_or_default().to_owned());

        let followed = format!("u{}", 100 + count % 800);
        let follow = format!("/v1/users/{followed}:follow");
        self.until_done(at, &|_| json(at, "POST", &follow, &[], &json!({ "follower_id": user })));
        self.following.insert(followed);

        let path = format!("{user}/{count}.bin");
        let size = if count.is_multiple_of(16) { LARGE } else { 500 };
        let bytes: Vec<u8> = (0..size).map(|at| ((at + count) % 251) as u8).collect();
        let headers = [("content-type", "application/octet-stream")];
        self.until_done(at, &|_| http1::try_call(at, "PUT", &format!("/v1/media/{path}"), &headers, &bytes));
        self.media.insert(path, bytes);
        acknowledged + 3
    }

    /// The seeded post that this one likes.
    fn post(&self) -> String {
        let number = self.user.trim_start_matches(|c: char| !c.is_ascii_digit());
        format!("/v1/users/u{number}/posts/s1")
    }

    fn likes(&self, at: SocketAddr) -> i64 {
        get(at, &self.post())["likeCount"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Asks until it is done. What was done already without an answer may say so.
    fn until_done(
        &self,
        at: SocketAddr,
        ask: &dyn Fn(SocketAddr) -> Result<http1::Response, String>,
    ) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = ask(at);
            if let Ok(answer) = &answer
                && answer.status == 409
                && answer.json()["detail"].as_str().is_some_and(|text| text.contains(&self.user))
            {
                return Value::Null;
            }
            if let Some(value) = accepted(&answer) {
                return value;
            }
            assert!(Instant::now() < until, "{}: {answer:?}", self.user);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Finds everything that was acknowledged, and nothing twice.
    ///
    /// # Panics
    /// When something is missing.
    pub fn check(&self, at: SocketAddr) {
        let user = &self.user;
        for (name, text) in &self.posts {
            assert_eq!(get(at, &format!("/v1/{name}"))["text"], json!(text), "{name}");
        }
        let listed = all(at, &format!("/v1/users/{user}/posts"), "posts");
        let listed: BTreeSet<&str> = listed.iter().filter_map(|post| post["name"].as_str()).collect();
        assert!(self.posts.keys().all(|name| listed.contains(name.as_str())), "{user}: {listed:?}");

        let (before, acknowledged, asked) = self.liked;
        let likes = self.likes(at) - before;
        assert!((acknowledged..=asked).contains(&likes), "{user}: {likes} of {acknowledged} to {asked}");

        let charges = all(at, &format!("/v1/users/{user}/charges"), "charges");
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for charge in &charges {
            let of = |key: &str| charge[key].as_str().unwrap_or_default().to_owned();
            let double = found.insert(of("description"), of("chargeId"));
            assert_eq!(double, None, "{charge} twice");
        }
        assert_eq!(found, self.charges, "{user}");

        for (path, bytes) in &self.media {
            let answer = http1::get(at, &format!("/v1/media/{path}"));
            assert!(answer.status == 200 && answer.body == *bytes, "{path}: {}", answer.status);
        }
        // Whom somebody follows is told from memory, by either instance.
        for _ in 0..2 {
            eventually("the edges", || {
                let answer = http1::get(at, &format!("/v1/users/{user}/following?page_size=1000")).json();
                let all: BTreeSet<&str> = answer.as_array()?.iter().filter_map(Value::as_str).collect();
                self.following.iter().all(|followed| all.contains(followed.as_str())).then_some(())
            });
        }
    }
}

fn json(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<http1::Response, String> {
    let headers = [&[("content-type", "application/json")], headers].concat();
    http1::try_call(at, method, path, &headers, body.to_string().as_bytes())
}

/// The value of a success; `None` of an answer after which a caller may come back.
fn accepted(answer: &Result<http1::Response, String>) -> Option<Value> {
    let answer = answer.as_ref().unwrap_or_else(|what| panic!("no gateway was killed, and yet: {what}"));
    if answer.status == 200 {
        return Some(answer.json());
    }
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    let may_come_back = matches!(answer.status, 502..=504) || code == "ABORTED" || code == "UNKNOWN";
    assert!(may_come_back, "{} {}", answer.status, answer.text());
    None
}

/// What is there; the store may be about to come back.
fn get(at: SocketAddr, path: &str) -> Value {
    eventually(path, || {
        let answer = http1::get(at, path);
        assert!(answer.status == 200 || answer.status >= 502, "{path}: {} {}", answer.status, answer.text());
        (answer.status == 200).then(|| answer.json())
    })
}

/// All pages of a list.
fn all(at: SocketAddr, path: &str, key: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = get(at, &format!("{path}?page_size=50&page_token={token}"));
        found.extend(page[key].as_array().cloned().unwrap_or_default());
        match page["nextPageToken"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut token),
            _ => return found,
        }
    }
}
