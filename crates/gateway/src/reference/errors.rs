//! The error catalogue as pages.

use std::fmt::Write as _;
use tenet_error::{Blame, Code, Entry, Retry};

/// One code's page.
pub fn page(entry: &Entry) -> String {
    let retry = match entry.retry {
        Retry::Never => "Repeating the same request ends the same way.",
        Retry::Safe => "The request did not run: repeat it with back-off.",
        Retry::Idempotent => "The request may have run: repeat it only if it is idempotent.",
    };
    let blame = match entry.blame {
        Blame::Nobody => "Nobody",
        Blame::Caller => "The caller",
        Blame::Us => "Whoever runs this gateway",
        Blame::Dependency => "Whoever runs the service behind it",
    };
    let body = format!(
        "<h1>{title}</h1><p class=\"code\"><code>{name}</code></p><p>{text}</p>\
         <dl><dt>HTTP status</dt><dd>{http}</dd><dt>gRPC status</dt><dd>{grpc} ({number})</dd>\
         <dt>Repeating</dt><dd>{retry}</dd><dt>Who can change it</dt><dd>{blame}</dd></dl>\
         <p><a href=\"../errors\">All errors</a> · <a href=\"../docs\">API reference</a></p>",
        title = escape(entry.title),
        name = entry.name,
        text = escape(entry.explanation),
        http = entry.http,
        grpc = entry.grpc.name(),
        number = entry.grpc.number(),
    );
    document(entry.name, "../docs/page.css", &body)
}

/// The list of all codes.
pub fn list() -> String {
    let mut rows = String::new();
    for entry in Code::all() {
        // Writing to a String cannot fail.
        let _ = write!(
            rows,
            "<tr><td><a href=\"errors/{name}\"><code>{name}</code></a></td><td>{http}</td><td>{grpc}</td><td>{retry}</td><td>{title}</td></tr>",
            name = entry.name,
            http = entry.http,
            grpc = entry.grpc.name(),
            retry = entry.retry.word(),
            title = escape(entry.title),
        );
    }
    let body = format!(
        "<h1>Errors</h1><p class=\"code\">Every way a request can end. A failed answer names its code in <code>code</code> and <code>type</code>.</p>\
         <div class=\"scroll\"><table><thead><tr><th>Code</th><th>HTTP</th><th>gRPC</th><th>Retry</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table></div>"
    );
    document("Errors", "docs/page.css", &body)
}

fn document(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"{style}\"></head><body><main>{body}</main></body></html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
