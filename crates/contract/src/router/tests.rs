//! Tables of routes and look-ups.

use super::*;
use crate::Template;
use proptest::prelude::*;

fn router(routes: &[&str]) -> Router<String> {
    let mut builder = Router::builder();
    for route in routes {
        let (verb, path) = route.split_once(' ').unwrap();
        let template = Template::parse(path).unwrap();
        builder.insert(&Verb::new(verb), &template, (*route).to_owned(), route).unwrap();
    }
    builder.build()
}

/// `route [capture] [capture]`, `405 allow` or `404`.
fn find(router: &Router<String>, request: &str) -> String {
    let (method, path) = request.split_once(' ').unwrap();
    match router.find(&http::Method::from_bytes(method.as_bytes()).unwrap(), path) {
        Found::Match { value, captures } => {
            captures.iter().fold(value.clone(), |line, capture| format!("{line} [{capture}]"))
        }
        Found::MethodNotAllowed { allow } => format!("405 {allow}"),
        Found::NotFound => "404".to_owned(),
    }
}

fn check(routes: &[&str], rows: &[(&str, &str)]) {
    let router = router(routes);
    for (request, want) in rows {
        assert_eq!(find(&router, request), *want, "{request}");
    }
}

#[test]
fn the_more_specific_segment_wins_from_left_to_right() {
    check(
        &[
            "GET /users/{id}",
            "GET /users/me",
            "GET /users/{id}/posts/{post}",
            "GET /users/me/{rest=**}",
            "GET /{name=users/*/posts/pinned}",
            "GET /{everything=**}",
        ],
        &[
            ("GET /users/me", "GET /users/me"),
            ("GET /users/7", "GET /users/{id} [7]"),
            ("GET /users/7/posts/8", "GET /users/{id}/posts/{post} [7] [8]"),
            ("GET /users/7/posts/pinned", "GET /{name=users/*/posts/pinned} [users/7/posts/pinned]"),
            ("GET /users/me/posts/pinned", "GET /users/me/{rest=**} [posts/pinned]"),
            ("GET /users/7/likes", "GET /{everything=**} [users/7/likes]"),
            ("GET /", "GET /{everything=**} []"),
        ],
    );
}

#[test]
fn a_dead_end_is_left_again() {
    check(
        &["GET /a/b/c", "GET /a/{x}/d", "GET /{x}/b/e", "GET /{x}/{y}/{z}/f"],
        &[
            ("GET /a/b/c", "GET /a/b/c"),
            ("GET /a/b/d", "GET /a/{x}/d [b]"),
            ("GET /a/b/e", "GET /{x}/b/e [a]"),
            ("GET /a/b/c/f", "GET /{x}/{y}/{z}/f [a] [b] [c]"),
            ("GET /a/b/x", "404"),
        ],
    );
}

#[test]
fn double_stars_take_what_is_left_over() {
    check(
        &[
            "GET /files/{path=**}",
            "GET /docs/{parent=**}/{collection}",
            "GET /docs/{parent=**}/rev/{rev}",
            "GET /raw/{path=**}:download",
            "GET /v1/{parent=db/*/**}/x",
        ],
        &[
            ("GET /files", "GET /files/{path=**} []"),
            ("GET /files/", "GET /files/{path=**} []"),
            ("GET /files/a//b/", "GET /files/{path=**} [a//b/]"),
            ("GET /docs/a", "GET /docs/{parent=**}/{collection} [] [a]"),
            ("GET /docs/a/b/c", "GET /docs/{parent=**}/{collection} [a/b] [c]"),
            ("GET /docs/a/rev/3", "GET /docs/{parent=**}/rev/{rev} [a] [3]"),
            ("GET /docs/rev/3", "GET /docs/{parent=**}/rev/{rev} [] [3]"),
            ("GET /docs/a/", "404"),
            ("GET /raw/a/b:download", "GET /raw/{path=**}:download [a/b]"),
            ("GET /raw/a:b:download", "GET /raw/{path=**}:download [a:b]"),
            ("GET /raw/a/b:upload", "404"),
            ("GET /v1/db/1/x", "GET /v1/{parent=db/*/**}/x [db/1]"),
            ("GET /v1/db/1/y/z/x", "GET /v1/{parent=db/*/**}/x [db/1/y/z]"),
            ("GET /v1/db/x", "404"),
        ],
    );
}

#[test]
fn custom_verbs_come_before_captures_that_would_swallow_them() {
    check(
        &["GET /jobs/{id}", "POST /jobs/{id}:cancel", "GET /jobs:count", "POST /{any=**}:cancel"],
        &[
            ("POST /jobs/7:cancel", "POST /jobs/{id}:cancel [7]"),
            ("GET /jobs/7:cancel", "GET /jobs/{id} [7:cancel]"),
            ("GET /jobs/urn:job:7", "GET /jobs/{id} [urn:job:7]"),
            ("POST /jobs/urn:job:7:cancel", "POST /jobs/{id}:cancel [urn:job:7]"),
            ("GET /jobs:count", "GET /jobs:count"),
            ("POST /jobs:count", "405 GET, HEAD"),
            ("DELETE /jobs/7:cancel", "405 GET, HEAD, POST"),
            ("POST /jobs/7%3Acancel", "405 GET, HEAD"),
            ("POST /other/7:cancel", "POST /{any=**}:cancel [other/7]"),
            ("POST /jobs/:cancel", "POST /{any=**}:cancel [jobs/]"),
        ],
    );
}

#[test]
fn methods_fall_back_as_http_wants_it() {
    check(
        &["GET /a/{x}", "POST /a/b", "* /any", "GET /any", "PURGE /cache", "HEAD /h", "GET /h"],
        &[
            ("HEAD /a/1", "GET /a/{x} [1]"),
            ("GET /a/b", "GET /a/{x} [b]"),
            ("PUT /a/b", "405 GET, HEAD, POST"),
            ("OPTIONS /a/1", "405 GET, HEAD"),
            ("GET /any", "GET /any"),
            ("PUT /any", "* /any"),
            ("HEAD /any", "* /any"),
            ("PURGE /cache", "PURGE /cache"),
            ("purge /cache", "405 PURGE"),
            ("HEAD /h", "HEAD /h"),
            ("GET /none", "404"),
        ],
    );
}

#[test]
fn paths_are_matched_as_they_are_written() {
    check(
        &["GET /a/{x}", "GET /", "GET /p%20q"],
        &[
            ("GET /a/", "404"),
            ("GET /a", "404"),
            ("GET /a//", "404"),
            ("GET //a/1", "404"),
            ("GET /a/1/", "404"),
            ("GET /a/b%2Fc", "GET /a/{x} [b%2Fc]"),
            ("GET /a/b+c", "GET /a/{x} [b+c]"),
            ("GET /%61/1", "404"),
            ("GET /A/1", "404"),
            ("GET /", "GET /"),
            ("OPTIONS *", "404"),
            ("GET /p%20q", "GET /p%20q"),
        ],
    );
}

#[test]
fn equal_shapes_conflict_whatever_their_variables_are_called() {
    let rows = [
        ("GET /a/{x}", "GET /a/{y}", true),
        ("GET /a/{x}", "GET /a/*", true),
        ("GET /{n=a/*}/b", "GET /a/{id}/b", true),
        ("GET /{n=**}:v", "GET /{m=**}:v", true),
        ("* /a", "* /a", true),
        ("GET /a/{x}", "POST /a/{x}", false),
        ("GET /a/{x}", "* /a/{x}", false),
        ("GET /a/{x}", "GET /a/{x=**}", false),
        ("GET /a/{x}", "GET /a/{x}:v", false),
    ];
    for (first, second, conflicts) in rows {
        let mut builder = Router::builder();
        let mut insert = |route: &str| {
            let (verb, path) = route.split_once(' ').unwrap();
            builder.insert(&Verb::new(verb), &Template::parse(path).unwrap(), (), route)
        };
        insert(first).unwrap();
        let want =
            if conflicts { Err(Conflict { first: first.into(), second: second.into() }) } else { Ok(()) };
        assert_eq!(insert(second), want, "{first} then {second}");
    }
}

/// Every combination of literal and variable at twelve levels: 4096 routes that all match one path.
#[test]
fn a_hostile_path_costs_no_more_than_the_routes_there_are() {
    let mut builder = Router::builder();
    for bits in 0..1u32 << 12 {
        let path: String = (0..12).map(|i| if bits >> i & 1 == 1 { "/a" } else { "/*" }).collect();
        builder.insert(&Verb::new("GET"), &Template::parse(&path).unwrap(), (), &path).unwrap();
    }
    let router = builder.build();
    for (path, leaves) in
        [("/a".repeat(12), 4096), ("/b".repeat(12), 1), ("/a".repeat(5000), 0), ("/a".repeat(11), 0)]
    {
        let starts = split(&path).unwrap();
        let reading = Reading { path: &path, starts: &starts, end: path.len(), custom: None };
        let mut visits = 0;
        let found = router.walk(ROOT, 0, reading, &mut |_| {
            visits += 1;
            None
        });
        assert_eq!((found, visits), (None, leaves), "{} segments", starts.len());
    }
}

proptest! {
    /// The tree finds exactly what trying every template one by one finds.
    #[test]
    fn agrees_with_matching_every_template(
        templates in proptest::collection::vec("(/(a|b|\\*|\\*)){1,4}(:v)?|(/(a|\\*)){0,2}/\\*\\*(/(a|b|\\*)){0,2}(:v)?", 1..12),
        path in "(/(a|b|c|)){1,5}(:v)?",
    ) {
        let mut builder = Router::builder();
        let mut kept = Vec::new();
        for text in &templates {
            let template = Template::parse(text).unwrap();
            if builder.insert(&Verb::new("GET"), &template, text.clone(), text).is_ok() {
                kept.push(template);
            }
        }
        let router = builder.build();
        let matching: Vec<&str> = kept.iter().filter(|t| naive(t, &path)).map(Template::as_str).collect();
        match router.find(&http::Method::GET, &path) {
            Found::Match { value, .. } => prop_assert!(matching.contains(&value.as_str()), "{value} of {matching:?}"),
            Found::NotFound => prop_assert!(matching.is_empty(), "{matching:?}"),
            Found::MethodNotAllowed { .. } => prop_assert!(false, "all are GET"),
        }
    }

    #[test]
    fn no_path_panics(path in ".{0,60}", method in "[A-Z]{1,7}") {
        let router = router(&["GET /a/{x}", "GET /{x=**}/b/{y}:v", "POST /{x}/{y=c/*}/d"]);
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let _ = router.find(&method, &path);
    }
}

/// The rules again, written as plainly as can be.
fn naive(template: &Template, path: &str) -> bool {
    let path = match template.verb() {
        None => path,
        Some(verb) => match path.rsplit_once(':') {
            Some((stem, found)) if found == verb => stem,
            _ => return false,
        },
    };
    let path = path.strip_prefix('/').unwrap();
    let segments: Vec<&str> =
        if path.is_empty() && template.verb().is_none() { vec![] } else { path.split('/').collect() };
    fits(template.segments(), &segments)
}

fn fits(pattern: &[crate::template::Segment], path: &[&str]) -> bool {
    use crate::template::Segment;
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((Segment::Rest, after)), _) => (0..=path.len()).any(|taken| fits(after, &path[taken..])),
        (Some((Segment::Literal(text), after)), Some((head, rest))) => text == head && fits(after, rest),
        (Some((Segment::One, after)), Some((head, rest))) => !head.is_empty() && fits(after, rest),
        _ => false,
    }
}
