//! `tenet check`: everything that is wrong, or one line that says what is there.

use crate::cli::Failed;
use crate::project;
use std::path::Path;
use tenet_contract::{Contract, LoadOptions, STORE_PROTO, Service, Severity, Source};
use tenet_release::config::Engine;
use tenet_release::{CONFIG_FILE, Release};

/// Checks the project at `path`, or the contracts below it if it is no project.
pub fn run(path: &Path) -> Result<(), Failed> {
    let folder = project::folder(path);
    if folder.is_dir() && !folder.join(CONFIG_FILE).exists() && holds_contracts(folder) {
        return contracts_only(folder);
    }
    let release = project::load(path)?;
    let store = release.config.store();
    // The store comes with Tenet: who wrote three services reads of three.
    let services = release.config.services.len() - usize::from(store.is_some());
    let kept = store.map(|store| kept(&release, store.engine)).unwrap_or_default();
    println!("ok: {} · {services} services · {}{kept}", release.name, summary(&release.contract));
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

/// What is kept, and in what.
fn kept(release: &Release, engine: Engine) -> String {
    format!(" · {} collections in the store ({})", release.collections().len(), engine.name())
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
    // The store's own methods come with Tenet too.
    let own = |service: &&Service| service.file != STORE_PROTO;
    let methods: usize = contract.services.iter().filter(own).map(|service| service.methods.len()).sum();
    let contracts = contract.services.iter().filter(own).count();
    format!("{contracts} contracts · {methods} methods · {public} public endpoints")
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
