//! Reading contracts from folders and descriptor sets.
//!
//! Files are parsed and checked one by one rather than by one call of the compiler, which stops at the first error:
//! an author wants all of them.

mod compile;
mod parse;
mod resolve;
mod texts;
mod walk;

pub(crate) use texts::Texts;

use crate::{Contract, Diagnostic, Diagnostics, extract};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where a contract's definitions are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Folders whose `.proto` files, at any depth, are compiled; each is also a root for `import`. The first root that
    /// holds an import wins.
    pub roots: Vec<PathBuf>,
    /// Files that hold a serialized `google.protobuf.FileDescriptorSet`. Files of the roots win over theirs.
    pub descriptor_sets: Vec<PathBuf>,
}

/// What the platform's configuration says about loading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Full names of the protobuf services whose methods without a binding get `POST /package.Service/Method`.
    pub auto_bindings: BTreeSet<String>,
    /// Full names of the protobuf services that somebody serves; the others have no endpoints, so that nothing is promised,
    /// and no conflict found, on behalf of what a foreign contract merely mentions. `None`: all of them.
    pub served: Option<BTreeSet<String>>,
    /// Import names of files that come with Tenet and belong to the contract though nobody imports them ([`STORE_PROTO`](crate::STORE_PROTO)).
    pub platform: BTreeSet<String>,
}

/// Loads a contract.
///
/// # Errors
/// Every error of every file that can be looked at: one that imports a broken file is not blamed for it.
pub fn load(source: &Source, options: &LoadOptions) -> Result<Contract, Diagnostics> {
    let mut found = Vec::new();
    let mut files = resolve::Files::default();
    for root in &source.roots {
        walk::add_root(root, &mut files, &mut found);
    }
    for path in &source.descriptor_sets {
        let shown = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => files.add_descriptor_set(&bytes, &shown, &mut found),
            Err(error) => found
                .push(Diagnostic::error(format!("cannot read the descriptor set: {error}")).in_file(&shown)),
        }
    }
    // Nothing named is an empty contract (a fleet of plain HTTP upstreams); something named that holds nothing is a mistake.
    if files.is_empty() && found.is_empty() && *source != Source::default() {
        let roots: Vec<String> = source.roots.iter().map(|root| root.display().to_string()).collect();
        found.push(
            Diagnostic::error(format!("no .proto file found below {}", roots.join(", ")))
                .hint("contracts are looked for in the folders that `[contracts] roots` names"),
        );
    }
    finish(files, found, options)
}

pub(crate) fn from_descriptor_set(bytes: &[u8], options: &LoadOptions) -> Result<Contract, Diagnostics> {
    let mut found = Vec::new();
    let mut files = resolve::Files::default();
    files.add_descriptor_set(bytes, "", &mut found);
    finish(files, found, options)
}

fn finish(
    files: resolve::Files,
    mut found: Vec<Diagnostic>,
    options: &LoadOptions,
) -> Result<Contract, Diagnostics> {
    let (pool, texts) = compile::compile(files, &options.platform, &mut found);
    let contract = extract::contract(&pool, &texts, options, &mut found);
    if found.is_empty() {
        return Ok(contract);
    }
    found.sort_by(|a, b| {
        (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
    });
    found.dedup();
    Err(Diagnostics(found))
}
