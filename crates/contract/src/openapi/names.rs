//! Names that must be unique in a document: tags and operation ids.

use crate::{Contract, Endpoint, MethodIndex, ServiceIndex};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Names {
    /// Short name where it is unique, else the full one.
    tags: BTreeMap<ServiceIndex, String>,
}

impl Names {
    pub(super) fn new(contract: &Contract, endpoints: &[&Endpoint]) -> Names {
        let used: BTreeSet<ServiceIndex> =
            endpoints.iter().map(|e| contract.methods[e.method].service).collect();
        let short = |index: ServiceIndex| {
            let full = &contract.services[index].full_name;
            full.rsplit('.').next().unwrap_or(full)
        };
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for &index in &used {
            *count.entry(short(index)).or_default() += 1;
        }
        let name = |index: ServiceIndex| match count.get(short(index)) {
            Some(1) => short(index).to_owned(),
            _ => contract.services[index].full_name.clone(),
        };
        Names { tags: used.iter().map(|&index| (index, name(index))).collect() }
    }

    pub(super) fn tag(&self, service: ServiceIndex) -> &str {
        self.tags.get(&service).map_or("", String::as_str)
    }

    pub(super) fn tags(&self, contract: &Contract) -> Value {
        let mut tags: Vec<(&String, &str)> =
            self.tags.iter().map(|(&index, tag)| (tag, contract.services[index].comment.as_str())).collect();
        tags.sort();
        tags.into_iter()
            .map(|(tag, comment)| {
                let description =
                    if comment.is_empty() { format!("Methods of {tag}.") } else { comment.to_owned() };
                json!({ "name": tag, "description": description })
            })
            .collect()
    }

    /// `Service_Method`, with a number from the second operation of a method on.
    pub(super) fn operation_id(&self, contract: &Contract, method: MethodIndex, nth: usize) -> String {
        let of = &contract.methods[method];
        let id = format!("{}_{}", self.tag(of.service).replace('.', "_"), of.name());
        if nth == 0 { id } else { format!("{id}_{}", nth + 1) }
    }
}

/// A name for a `*` from the collection before it: `users/*` gives `user`.
pub(super) fn singular(collection: &str) -> String {
    let clean: String = collection.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let ends = |suffix: &str| clean.strip_suffix(suffix).map(str::to_owned);
    if let Some(stem) = ends("ies") {
        return format!("{stem}y");
    }
    for suffix in ["sses", "xes", "ches", "shes"] {
        if clean.ends_with(suffix) {
            return clean[..clean.len() - 2].to_owned();
        }
    }
    match ends("s") {
        Some(stem) if !stem.is_empty() && !stem.ends_with('s') => stem,
        _ => format!("{clean}_id"),
    }
}
