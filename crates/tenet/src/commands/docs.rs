//! `tenet docs`: the OpenAPI 3.1 document of a project's public API.

use crate::cli::Failed;
use crate::project;
use std::path::Path;

/// Writes the document to `output`, or prints it.
pub fn run(path: &Path, output: Option<&Path>) -> Result<(), Failed> {
    let release = project::load(path)?;
    // The gateway's own function: what is written here is what it serves at /openapi.json.
    let mut text = serde_json::to_string_pretty(&tenet_gateway::document(&release)).map_err(Failed::new)?;
    text.push('\n');
    match output {
        None => print!("{text}"),
        Some(file) => {
            std::fs::write(file, &text)
                .map_err(|error| Failed::while_doing(&format!("cannot write {}", file.display()), &error))?;
        }
    }
    Ok(())
}
