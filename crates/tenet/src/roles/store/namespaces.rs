//! What a release keeps, as the store declares it: a namespace for each service that keeps something.

use crate::cli::Failed;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tenet_collection::{Kind, show};
use tenet_release::Release;
use tenet_release::config::Service;
use tenet_store::catalogue::{Declared, Namespace};
use tenet_store::metrics::RecordNames;
use tenet_store::name::Name;
use tenet_store::quota::Limits;

/// The namespaces of a release. Who may call is not its to say.
///
/// # Errors
/// A name that is none for the store; the check of a release finds it first.
pub fn of(release: &Release) -> Result<Vec<Namespace>, Failed> {
    let mut by_service: BTreeMap<&str, Vec<Declared>> = BTreeMap::new();
    for (service, schema) in release.collections() {
        let declared = Declared::of(Arc::new(schema.clone()));
        let declared = declared
            .map_err(|error| Failed::while_doing("what is kept has no name for the store", &error))?;
        by_service.entry(service).or_default().push(declared);
    }
    let declare = |(service, collections): (&str, Vec<Declared>)| {
        let owner = service.to_owned();
        Ok(Namespace { name: namespace(service)?, owner, secrets: Vec::new(), collections })
    };
    by_service.into_iter().map(declare).collect()
}

/// What the namespaces of a release may take; in which nothing is said of a service, it may take as much as there is.
///
/// # Errors
/// As of [`of`].
pub fn quotas(release: &Release) -> Result<BTreeMap<Name, Limits>, Failed> {
    let keepers = release.config.services.iter().filter(|(_, service)| !service.keeps.is_empty());
    let limits = |(service, of): (&String, &Service)| {
        let quota = &of.quota;
        let limits = Limits {
            bytes: quota.bytes.map(|size| size.0),
            items: quota.items,
            requests: quota.requests,
            burst: quota.burst,
            bytes_per_second: quota.bytes_per_second.map(|size| size.0),
        };
        Ok((namespace(service)?, limits))
    };
    keepers.map(limits).collect()
}

fn namespace(service: &str) -> Result<Name, Failed> {
    Name::new(service).map_err(|error| Failed::while_doing("what is kept has no name for the store", &error))
}

/// How the records of a release are called on the page of metrics: by the values that their ids are made of.
pub fn record_names(release: &Release) -> Box<RecordNames> {
    let kinds = release.collections().into_iter().map(|(service, schema)| {
        let name = (service.to_owned(), schema.name.clone());
        (name, schema.record_kinds())
    });
    let kinds: HashMap<(String, String), Vec<Kind>> = kinds.collect();
    Box::new(move |collection, record| {
        let name = (collection.namespace.to_string(), collection.collection.to_string());
        show(kinds.get(&name)?, record).ok()
    })
}
