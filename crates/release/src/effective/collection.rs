//! How a message is kept, where that was written, and by what store: what `tenet explain MESSAGE` prints.

use super::{Effective, given, human, only};
use crate::config::{Engine, Store};
use crate::{CONFIG_FILE, Release};
use tenet_collection::{DEFAULT_RETENTION, KeyField};

impl Release {
    /// Every effective value of the collection whose schema is `message` (`feed.accounts.v1.StoredUser`), or `None` if no contract has one.
    pub fn effective_collection(&self, message: &str) -> Option<Vec<Effective>> {
        let collection = self.contract.collection(message)?;
        let schema = &collection.schema;
        let contract = format!("contract {}:{}", collection.file, collection.line);
        let mut out = Vec::new();
        match self.config.keeper_of(message) {
            Some(keeper) => {
                out.push(only("namespace", keeper, format!("{CONFIG_FILE} services.{keeper}.keeps")));
            }
            None => out.push(only("namespace", "none: no service keeps it", "default")),
        }
        let named = schema.name != tenet_collection::default_name(&schema.message);
        out.push(given("collection", &schema.name, named, &contract));
        out.push(only("record", names(schema.record()), contract.clone()));
        let several = !schema.item().is_empty();
        let item = if several { names(schema.item()) } else { "the whole record".to_owned() };
        out.push(given("item", &item, several, &contract));
        for index in &schema.indexes {
            let unique = if index.unique { " (unique)" } else { "" };
            let text = format!("{}: {}{unique}", index.name, names(&index.fields));
            out.push(only("index", text, contract.clone()));
        }
        let expires = schema.expire_field.as_deref();
        out.push(given("expires", expires.unwrap_or("-"), expires.is_some(), &contract));
        let ttl = schema.ttl.map_or_else(|| "-".to_owned(), human);
        out.push(given("ttl", &ttl, schema.ttl.is_some(), &contract));
        let several = if schema.atomic_across_records { "several records" } else { "one record" };
        out.push(given("atomic over", several, schema.atomic_across_records, &contract));
        let retention = human(schema.retention);
        out.push(given("retention", &retention, schema.retention != DEFAULT_RETENTION, &contract));
        let cached = schema.cached.map(|age| format!("as old as {}", human(age)));
        out.push(given("reads", cached.as_deref().unwrap_or("strict"), cached.is_some(), &contract));
        if let Some(store) = self.config.store() {
            out.extend(engine(&store));
        }
        Some(out)
    }
}

fn engine(store: &Store) -> Vec<Effective> {
    let default = Store::default();
    let source = |key: &str| format!("{CONFIG_FILE} store.{key}");
    let written = store.engine != default.engine;
    let mut out = vec![given("engine", store.engine.name(), written, &source("engine"))];
    if let Some(url) = store.shown_url().filter(|_| store.engine == Engine::Postgres) {
        out.push(only("url", url, source("url")));
    }
    let instances = store.instances.to_string();
    out.push(given("instances", &instances, store.instances != default.instances, &source("instances")));
    out
}

fn names(fields: &[KeyField]) -> String {
    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
}
