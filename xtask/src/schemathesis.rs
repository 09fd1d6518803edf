//! schemathesis over the served example: no 5xx and no undocumented answer.

use crate::shell::{Outcome, command, watch};
use crate::tally::Tally;
use crate::{openapi_lint, serve, tools};
use std::time::Duration;

/// Longest a run may take.
const LIMIT: Duration = Duration::from_secs(900);
/// Examples for each operation as part of `cargo xtask test`: finds what is usually found, in a minute or two.
const EXAMPLES: u32 = 25;
/// A fixed seed: the same tree gives the same verdict.
const SEED: &str = "20411";

/// How hard to try.
#[derive(clap::Args)]
pub struct Arguments {
    /// Examples for each operation.
    #[arg(long, default_value_t = 100)]
    examples: u32,
    /// Seed of the generated calls.
    #[arg(long, default_value = SEED)]
    seed: String,
}

/// Runs it with its own output.
pub fn run(arguments: &Arguments) -> Outcome {
    match attempt(arguments.examples, &arguments.seed, true)? {
        Verdict::Held => Ok(()),
        Verdict::Broken(_) => Err("schemathesis found what the document does not promise".into()),
    }
}

/// One test.
pub fn judge() -> Tally {
    if let Err(lacking) = tools::python("schemathesis", tools::PYTHON_SCHEMATHESIS) {
        return Tally::skipped(1, &format!("schemathesis: {lacking}"));
    }
    match attempt(EXAMPLES, SEED, false) {
        Ok(Verdict::Held) => Tally::passed(),
        Ok(Verdict::Broken(printed)) => Tally::failed(&format!("schemathesis:\n{printed}")),
        Err(why) => Tally::failed(&format!("schemathesis: {why}")),
    }
}

enum Verdict {
    Held,
    Broken(String),
}

fn attempt(examples: u32, seed: &str, loud: bool) -> Outcome<Verdict> {
    let python = tools::python("schemathesis", tools::PYTHON_SCHEMATHESIS)?;
    let document = openapi_lint::document()?;
    let served = serve::feed()?;
    let mut run = command(python.with_file_name("schemathesis"));
    run.arg("run").arg(document).arg(format!("--url=http://{}", served.public));
    // The example's payments are not real, but a fixed set of checks is what the issue asks for: server errors and
    // answers (status, media type, schema, headers) that the document does not name.
    run.arg("--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance");
    run.args([format!("--max-examples={examples}"), format!("--seed={seed}"), "--no-color".to_owned()]);
    // Its database and reports would land in the checkout.
    run.current_dir(std::env::temp_dir());
    let mut printed = Vec::new();
    let status = watch(&mut run, LIMIT, |line| {
        if loud {
            println!("{line}");
        }
        printed.push(line.to_owned());
    })?;
    if status.success() {
        return Ok(Verdict::Held);
    }
    let tail = printed.len().saturating_sub(80);
    Ok(Verdict::Broken(printed[tail..].join("\n")))
}
