//! The reference on the public door: `/openapi.json`, `/docs`, `/errors` and `/errors/CODE`.
//!
//! Everything is rendered when the program is built; a request only picks bytes. A contract that binds one of these
//! paths itself wins, because its routes are looked at first.

mod errors;

use crate::answer::Answer;
use crate::exchange::Head;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, StatusCode};
use std::collections::BTreeMap;
use tenet_contract::openapi::{self, Info, JsonStyle};
use tenet_error::Code;
use tenet_release::Release;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The viewer writes style attributes and shows data-URL icons; it loads nothing from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'",
);

/// A page of the reference, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(usize);

/// The rendered pages of one program.
pub struct Reference {
    paths: BTreeMap<String, Page>,
    pages: Vec<Rendered>,
}

struct Rendered {
    content_type: HeaderValue,
    body: Bytes,
    etag: HeaderValue,
}

impl Reference {
    /// Renders everything for `release`.
    pub fn new(release: &Release) -> Reference {
        let mut reference = Reference { paths: BTreeMap::new(), pages: Vec::new() };
        let tag = release.hash.short();
        let document = serde_json::to_vec(&document(release)).unwrap_or_default();
        reference.add("/openapi.json", JSON, document.into(), &tag);
        // Files of the binary change with it, not with the release.
        let binary = env!("CARGO_PKG_VERSION");
        for (path, content_type, body) in [
            ("/docs", HTML, &include_bytes!("../reference/docs.html")[..]),
            ("/docs/start.js", SCRIPT, include_bytes!("../reference/start.js")),
            ("/docs/page.css", CSS, include_bytes!("../reference/page.css")),
            ("/docs/swagger-ui.css", CSS, include_bytes!("../reference/vendor/swagger-ui/swagger-ui.css")),
            (
                "/docs/swagger-ui-bundle.js",
                SCRIPT,
                include_bytes!("../reference/vendor/swagger-ui/swagger-ui-bundle.js"),
            ),
        ] {
            reference.add(path, content_type, Bytes::from_static(body), binary);
        }
        reference.add("/errors", HTML, errors::list().into(), binary);
        for entry in Code::all() {
            reference.add(&format!("/errors/{}", entry.name), HTML, errors::page(entry).into(), binary);
        }
        reference
    }

    fn add(&mut self, path: &str, content_type: HeaderValue, body: Bytes, tag: &str) {
        let etag = HeaderValue::try_from(format!("\"{tag}-{}\"", body.len()))
            .unwrap_or(HeaderValue::from_static("\"\""));
        self.pages.push(Rendered { content_type, body, etag });
        self.paths.insert(path.to_owned(), Page(self.pages.len() - 1));
    }

    /// The page at `path`, for GET and HEAD.
    pub fn find(&self, method: &Method, path: &str) -> Option<Page> {
        let readable = *method == Method::GET || *method == Method::HEAD;
        if readable { self.paths.get(path).copied() } else { None }
    }

    /// The methods of a page at `path`, if there is one: another method is not allowed there rather than lost.
    pub fn allow(&self, path: &str) -> Option<String> {
        self.paths.contains_key(path).then(|| "GET".to_owned())
    }

    /// A page as an answer; 304 when the caller has it (RFC 9110 §13.1.2).
    pub fn answer(&self, page: Page, head: &Head) -> Answer {
        let page = &self.pages[page.0];
        let mut answer = if head.headers.get(IF_NONE_MATCH) == Some(&page.etag) {
            Answer::empty(StatusCode::NOT_MODIFIED, Code::Ok)
        } else {
            Answer::full(StatusCode::OK, page.content_type.clone(), page.body.clone(), Code::Ok)
        };
        answer.headers.insert(ETAG, page.etag.clone());
        answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer.headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        if head.method == Method::HEAD { answer.without_body() } else { answer }
    }
}

/// The OpenAPI document of a release: what `/openapi.json` serves and `tenet docs` writes.
pub fn document(release: &Release) -> serde_json::Value {
    let json = release.config.services.values().flat_map(|service| {
        let style = JsonStyle {
            preserve_field_names: service.json.preserve_field_names,
            enums_as_numbers: service.json.enums_as_numbers,
        };
        service.serves.iter().map(move |name| (name.clone(), style))
    });
    let info = Info {
        title: release.name.clone(),
        version: release.hash.short(),
        json: json.collect(),
        ..Info::default()
    };
    openapi::document(&release.contract, &info)
}
