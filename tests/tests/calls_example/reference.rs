//! What the public door says about itself: the OpenAPI document, the reference page with its assets, the errors' pages.

use tenet_tests::{Caller, example, http1};

#[test]
fn the_reference_is_served_and_whole() {
    let (_project, up) = example::up(|text| text);
    for caller in [Caller::Http1(up.public), Caller::http2(up.public)] {
        let get = |path: &str| caller.call("GET", path, &[], None);
        let document = get("/openapi.json");
        assert!(
            document.header("content-type").unwrap().starts_with("application/"),
            "{:?}",
            document.headers
        );
        let json = document.json();
        assert!(json["openapi"].as_str().unwrap().starts_with("3.1"), "{}", json["openapi"]);
        let text = document.text();
        assert!(text.contains("/v1/users/{user_id}/timeline"), "no path of the example");
        assert!(
            !text.contains("internal/accounts") && !text.contains("AccountsInternal"),
            "INTERNAL is shown"
        );

        let page = get("/docs");
        let page = if page.status / 100 == 3 { get(page.header("location").unwrap()) } else { page };
        assert_eq!(
            (page.status, page.header("content-type").map(|t| t.starts_with("text/html"))),
            (200, Some(true))
        );
        // Everything the page loads is here, so that it works offline.
        let html = page.text();
        let assets: Vec<_> = html
            .split(['"', '\''])
            .filter(|word| [".js", ".css", ".svg", ".png"].iter().any(|end| word.ends_with(end)))
            .collect();
        assert!(assets.len() >= 2, "{html}");
        for asset in assets {
            assert!(!asset.contains("//"), "{asset} is loaded from elsewhere");
            let path = if asset.starts_with('/') { asset.to_owned() } else { format!("/{asset}") };
            let got = get(&path);
            assert_eq!(got.status, 200, "{path}");
            let media_type = got.header("content-type").unwrap_or_default();
            let expected = if path.ends_with(".js") { "javascript" } else { "/" };
            assert!(media_type.contains(expected) && !got.body.is_empty(), "{path}: {media_type}");
        }
        assert_eq!(get("/docs/../tenet.toml").status, 404);
    }
}

#[test]
fn every_code_has_its_page() {
    let (_project, up) = example::up(|text| text);
    let listed = std::fs::read_to_string(tenet_tests::binary::root().join("docs/errors.md")).unwrap();
    let codes: Vec<_> =
        listed.lines().filter_map(|line| line.strip_prefix("| [")?.split(']').next()).collect();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        let page = http1::get(up.public, &format!("/errors/{code}"));
        assert_eq!(page.status, 200, "{code}");
        assert!(
            page.header("content-type").unwrap_or_default().starts_with("text/html"),
            "{code}: {:?}",
            page.headers
        );
        assert!(page.text().contains(code), "{code}");
    }
    for path in ["/errors/NO_SUCH_CODE", "/errors/", "/errors/ok", "/errors/OK/x"] {
        let page = http1::get(up.public, path);
        tenet_tests::door::check_problem(path, &page, 404, "ROUTE_NOT_FOUND");
    }
    let post = http1::call(up.public, "POST", "/openapi.json", &[], b"");
    tenet_tests::door::check_problem("POST /openapi.json", &post, 405, "METHOD_NOT_ALLOWED");
    assert!(post.header("allow").is_some_and(|allow| allow.contains("GET")), "{:?}", post.headers);
}

#[test]
fn a_fleet_may_keep_its_reference_to_itself() {
    let (_project, up) = example::up(|text| format!("{text}\n[gateway]\nreference = false\n"));
    for path in ["/openapi.json", "/docs", "/errors/NOT_FOUND"] {
        assert_eq!(http1::get(up.public, path).status, 404, "{path}");
    }
    assert_eq!(http1::get(up.public, "/v1/users/u1").status, 200);
}
