//! From a project folder to a release, or to everything that is wrong with it.

use crate::bundle::{load_options, write};
use crate::problems::{Place, Problem, Problems};
use crate::strict::{self, Document};
use crate::{CONFIG_FILE, Config, Release, ReleaseHash, check};
use prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use std::path::Path;
use tenet_contract::{Contract, Severity, Source};

/// Largest `tenet.toml` read: a thousand services are about 200 KiB.
const MAX_CONFIG_BYTES: u64 = 8 << 20;

impl Release {
    /// Reads `tenet.toml` in the folder `project`, compiles the contracts it names and checks them against each other.
    ///
    /// Reports everything that is wrong: contracts are compiled even if `tenet.toml` fails its checks, as long as it can
    /// be read at all. Runs no commands and opens no sockets.
    pub fn load(project: &Path) -> Result<Release, Problems> {
        let path = project.join(CONFIG_FILE);
        let file = path.display().to_string();
        let text = read_text(&path, &file)?;
        let (config, document): (Config, Document<'_>) = strict::read(&file, &text)?;
        let mut problems = Problems::new();
        check::config(&config, &document, &mut problems);
        let config = config.with_builtin();
        let contract = compile(project, &config, &document, &mut problems);
        if let Some(contract) = &contract {
            check::contract(&config, contract, &document, &mut problems);
        }
        match contract {
            Some(contract) if problems.is_empty() => Ok(Release::assemble(project, config, contract)),
            _ => {
                problems.sort();
                Err(problems)
            }
        }
    }

    /// The `build` commands of the project, without compiling contracts: a build may be what writes them.
    ///
    /// Fails as [`Release::load`] does on what can be said of `tenet.toml` alone.
    pub fn build_commands(project: &Path) -> Result<Vec<String>, Problems> {
        let path = project.join(CONFIG_FILE);
        let file = path.display().to_string();
        let text = read_text(&path, &file)?;
        let (config, document): (Config, Document<'_>) = strict::read(&file, &text)?;
        let mut problems = Problems::new();
        check::config(&config, &document, &mut problems);
        problems.sort();
        problems.or(config.build)
    }

    fn assemble(project: &Path, mut config: Config, contract: Contract) -> Release {
        config.resilience = config.resilience.filled();
        let bytes = write(&config, &contract);
        let content = &bytes[..bytes.len() - size_of::<ReleaseHash>()];
        let hash = ReleaseHash::of(content);
        let name = if config.name.is_empty() { folder_name(project) } else { config.name.clone() };
        Release { hash, name, config, contract }
    }
}

fn read_text(path: &Path, file: &str) -> Result<String, Problems> {
    let named = |message: String| Problem::new(Place::Named(file.to_owned()), message);
    let length = std::fs::metadata(path).map_err(|error| {
        named(format!("cannot read {CONFIG_FILE}: {error}")).with_hint(Some(format!(
            "a project is a folder with a {CONFIG_FILE}; name it, or change into it"
        )))
    })?;
    if length.len() > MAX_CONFIG_BYTES {
        return Err(
            named(format!("found {} bytes, expected at most {MAX_CONFIG_BYTES}", length.len())).into()
        );
    }
    let bytes = std::fs::read(path).map_err(|error| named(format!("cannot read {CONFIG_FILE}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        named(format!("byte {} is not UTF-8, expected a TOML text", error.utf8_error().valid_up_to())).into()
    })
}

/// The folder's name, also where the path is `.`.
fn folder_name(project: &Path) -> String {
    let absolute = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    absolute.file_name().map_or_else(|| "tenet".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Compiles what `[contracts]` names; a project without any contract (plain HTTP only) has an empty one.
fn compile(
    project: &Path,
    config: &Config,
    document: &Document<'_>,
    problems: &mut Problems,
) -> Option<Contract> {
    let contracts = &config.contracts;
    let mut source = Source { roots: Vec::new(), descriptor_sets: Vec::new() };
    // `proto` is the default: a folder that nobody named may be absent where no service serves a contract.
    let serves = config.services.values().any(|service| !service.serves.is_empty());
    for (index, root) in contracts.roots.iter().enumerate() {
        let path = project.join(root);
        if path.is_dir() {
            source.roots.push(path);
        } else if serves || *contracts != crate::config::Contracts::default() {
            let place = document.place(&["contracts", "roots", &index.to_string()]);
            problems
                .push(Problem::new(place, format!("contracts.roots: {} is not a folder", path.display())));
        }
    }
    for (index, set) in contracts.descriptor_sets.iter().enumerate() {
        let path = project.join(set);
        if path.is_file() {
            source.descriptor_sets.push(path);
        } else {
            problems.push(Problem::new(
                document.place(&["contracts", "descriptor_sets", &index.to_string()]),
                format!("contracts.descriptor_sets: {} is not a file", path.display()),
            ));
        }
    }
    let options = load_options(config);
    let loaded = if source.roots.is_empty() && source.descriptor_sets.is_empty() {
        Contract::from_descriptor_set(&no_contract(), &options)
    } else {
        tenet_contract::load(&source, &options)
    };
    match loaded {
        Ok(contract) => Some(contract),
        Err(diagnostics) => {
            let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
            problems.contract(diagnostics.to_string(), errors);
            None
        }
    }
}

/// Plain HTTP needs no contract. The compiler would take nothing at all for a mistake, so it is given one empty file.
fn no_contract() -> Vec<u8> {
    let file = FileDescriptorProto {
        name: Some("tenet/none.proto".to_owned()),
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}
