//! What a release keeps, as the store declares it: a namespace for each service that keeps something.

use crate::cli::Failed;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tenet_collection::{Kind, show};
use tenet_release::Release;
use tenet_store::catalogue::{Declared, Namespace};
use tenet_store::metrics::RecordNames;
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
        let declared = Declared::of(Arc::new(schema.clone()));
        let declared = declared
            .map_err(|error| Failed::while_doing("what is kept has no name for the store", &error))?;
        by_service.entry(service).or_default().push(declared);
    }
    let namespace = |(service, collections): (&str, Vec<Declared>)| {
        let owner = service.to_owned();
        Ok(Namespace { name: name(service)?, owner, secrets: Vec::new(), collections })
    };
    by_service.into_iter().map(namespace).collect()
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
