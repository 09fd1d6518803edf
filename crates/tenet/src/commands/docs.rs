//! `tenet docs`: the OpenAPI 3.1 document of a project's public API.

use crate::cli::Failed;
use crate::project;
use std::path::Path;
use tenet_contract::openapi::{self, Info, JsonStyle};
use tenet_release::Release;

/// Writes the document to `output`, or prints it.
pub fn run(path: &Path, output: Option<&Path>) -> Result<(), Failed> {
    let release = project::load(path)?;
    let document = openapi::document(&release.contract, &info(&release));
    let mut text = serde_json::to_string_pretty(&document).map_err(Failed::new)?;
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

/// What the document says of the release itself.
fn info(release: &Release) -> Info {
    let styles = release.config.services.values().flat_map(|service| {
        let style = JsonStyle {
            preserve_field_names: service.json.preserve_field_names,
            enums_as_numbers: service.json.enums_as_numbers,
        };
        service.serves.iter().map(move |name| (name.clone(), style))
    });
    Info {
        title: release.name.clone(),
        version: release.hash.short(),
        json: styles.collect(),
        ..Info::default()
    }
}
