//! `tenet errors`: the catalogue as a document, so that `docs/errors.md` cannot say something else.

use tenet_error::Code;

/// The whole of `docs/errors.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Errors\n\n\
         Every request ends in exactly one code of this catalogue: in the problem body (`code`), in the metrics (label `code`) and in\n\
         the log. Both protocols follow from the code. *Retry* says whether sending the same request again may help: `never`; `safe`, it did not\n\
         run; `idempotent`, it may have run, so repeat only what may run twice. *Blame* says who has to act.\n\n\
         This file is printed by `tenet errors`; change the catalogue in `crates/error/src/catalogue.rs`, then run\n\
         `tenet errors > docs/errors.md`.\n\n\
         | code | HTTP | gRPC | retry | blame |\n|---|---|---|---|---|\n",
    );
    for entry in Code::all() {
        out.push_str(&format!(
            "| [{name}](#{anchor}) | {} | {} | {} | {} |\n",
            entry.http,
            entry.grpc.name(),
            entry.retry.word(),
            entry.blame.word(),
            name = entry.name,
            anchor = entry.name.to_lowercase(),
        ));
    }
    for entry in Code::all() {
        out.push_str(&format!("\n## {}\n\n**{}.** {}\n", entry.name, entry.title, entry.explanation));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == markdown(), "stale: run `tenet errors > docs/errors.md`");
    }
}
