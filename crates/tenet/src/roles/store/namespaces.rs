//! What a release keeps, as the store declares it: a namespace for each service that keeps something.

use crate::cli::Failed;
use std::collections::BTreeMap;
use tenet_release::Release;
use tenet_store::catalogue::{Declared, Namespace};
use tenet_store::name::Name;

/// The namespaces of a release. Who may call is not its to say.
///
/// # Errors
/// A name that is none for the store; the check of a release finds it first.
pub fn of(release: &Release) -> Result<Vec<Namespace>, Failed> {
    let name = |name: &str| {
        Name::new(name).map_err(|error| Failed::while_doing("what is kept has no name for the store", &error))
    };
    let mut by_service: BTreeMap<&str, Vec<Declared>> = BTreeMap::new();
    for (service, schema) in release.collections() {
        by_service.entry(service).or_default().push(Declared {
            name: name(&schema.name)?,
            atomic_across_records: schema.atomic_across_records,
            ttl: schema.ttl,
            retention: schema.retention,
        });
    }
    let namespace = |(service, collections): (&str, Vec<Declared>)| {
        let owner = service.to_owned();
        Ok(Namespace { name: name(service)?, owner, secrets: Vec::new(), collections })
    };
    by_service.into_iter().map(namespace).collect()
}
