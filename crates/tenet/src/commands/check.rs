//! `tenet check`: everything that is wrong, or one line that says what is there.

use crate::cli::Failed;
use crate::project;
use std::path::Path;
use tenet_contract::{Contract, LoadOptions, Severity, Source};
use tenet_release::CONFIG_FILE;

/// Checks the project at `path`, or the contracts below it if it is no project.
pub fn run(path: &Path) -> Result<(), Failed> {
    let folder = project::folder(path);
    if folder.is_dir() && !folder.join(CONFIG_FILE).exists() && holds_contracts(folder) {
        return contracts_only(folder);
    }
    let release = project::load(path)?;
    let services = release.config.services.len();
    println!("ok: {} · {services} services · {}", release.name, summary(&release.contract));
    println!("release {}", release.hash);
    for contract in &release.contract.services {
        let name = &contract.full_name;
        // gRPC's own services (health) come with every pulled contract and are served by nobody through the door.
        if release.service_of(name).is_none() && !name.starts_with("grpc.") {
            println!(
                "note: no service in {CONFIG_FILE} serves `{name}` ({}:{})",
                contract.file, contract.line
            );
        }
    }
    Ok(())
}

fn contracts_only(folder: &Path) -> Result<(), Failed> {
    let source = Source { roots: vec![folder.to_owned()], descriptor_sets: Vec::new() };
    match tenet_contract::load(&source, &LoadOptions::default()) {
        Ok(contract) => {
            println!("ok: {} (no {CONFIG_FILE} here: contracts alone were checked)", summary(&contract));
            Ok(())
        }
        Err(found) => {
            let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
            Err(Failed(format!("{found}\n\n{errors} problems in {}", folder.display())))
        }
    }
}

fn summary(contract: &Contract) -> String {
    let public = contract.endpoints.iter().filter(|endpoint| endpoint.public).count();
    format!(
        "{} contracts · {} methods · {public} public endpoints",
        contract.services.len(),
        contract.methods.len()
    )
}

/// Whether a `.proto` file is in the folder or one or two levels below it.
fn holds_contracts(folder: &Path) -> bool {
    fn look(folder: &Path, depth: u8) -> bool {
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        entries.flatten().any(|entry| {
            let path = entry.path();
            path.extension().is_some_and(|extension| extension == "proto")
                || (depth > 0 && path.is_dir() && look(&path, depth - 1))
        })
    }
    // Deep enough for `proto/<package>/v1/x.proto`, shallow enough for a wrong path such as `/`.
    look(folder, 3)
}
