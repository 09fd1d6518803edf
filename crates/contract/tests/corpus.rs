//! Loads a large public corpus of contracts that nobody here wrote.
//!
//! `TENET_CORPUS` names a folder that holds `google/` with its `.proto` files (the npm package `google-proto-files`,
//! unpacked); without it the test says so and passes. Every template must parse; every API (the folder of a service with
//! all it imports) must load by itself, because APIs of different hosts may share paths; every endpoint must be found
//! again by a path made from its template; and the OpenAPI documents of a share
//! of them must hold together. `google/protobuf` is left out: it holds tests of protobuf compilers.
#![allow(clippy::unwrap_used, reason = "a panic in a test is the report")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tenet_contract::template::Segment;
use tenet_contract::{Contract, Found, LoadOptions, Router, Source, Template, Verb, load, openapi};

/// APIs of the corpus that bind the same requests twice, to two services or two methods, and how often. Loading them
/// is refused naming each pair, as it must be; their files by themselves load as far as they are of one mind.
const WRITTEN_TWICE: &[(&str, usize)] = &[
    ("google/cloud/bigquery/storage/v1", 5),
    ("google/cloud/bigquery/storage/v1beta1", 1),
    ("google/cloud/bigquery/storage/v1beta2", 5),
    ("google/cloud/discoveryengine/v1", 15),
    ("google/cloud/discoveryengine/v1alpha", 15),
    ("google/cloud/discoveryengine/v1beta", 15),
    ("google/cloud/iap/v1", 3),
];

/// Every how many APIs a document is made: all of them take minutes in a debug build.
const DOCUMENTED: usize = 8;

/// Firestore tells documents from collections by counting segments, which templates cannot say: every path of this
/// binding is also one of the more specific `documents/{id}/**/{collection_id}` or `documents/{collection_id}`.
const SHADOWED: &str = "GET /v1/{name=projects/*/databases/*/documents/*/**}";

#[test]
fn every_service_of_the_corpus_loads_and_routes() {
    let Some(root) = std::env::var_os("TENET_CORPUS").map(PathBuf::from) else {
        println!("skipped: TENET_CORPUS does not name an unpacked corpus");
        return;
    };
    let files = files(&root);
    let templates = templates(&root, &files);
    let refused: Vec<_> =
        templates.iter().filter_map(|t| Template::parse(t).err().map(|e| format!("{t}: {e}"))).collect();
    println!("{} files, {} distinct templates, {} refused", files.len(), templates.len(), refused.len());
    assert!(refused.is_empty(), "{refused:#?}");

    let (mut apis, mut refused_apis, mut endpoints, mut hits) = (0, 0, 0, 0);
    let (mut services, mut methods) = (BTreeSet::new(), BTreeSet::new());
    let mut trouble = Vec::new();
    for api in apis_of(&root, &files) {
        let folder = closure(&root, &files, &api);
        let source = Source { roots: vec![folder.path().to_owned()], descriptor_sets: Vec::new() };
        apis += 1;
        match load(&source, &LoadOptions::default()) {
            Ok(contract) => {
                services.extend(contract.services.iter().map(|service| service.full_name.clone()));
                methods.extend(contract.methods.iter().map(|method| method.full_name.clone()));
                endpoints += contract.endpoints.len();
                hits += route(&contract, &mut trouble);
                if apis % DOCUMENTED == 0 {
                    document(&contract, &api, &mut trouble);
                }
            }
            Err(found) => {
                let twice = found
                    .iter()
                    .filter(|finding| finding.message.contains("matches the same requests as"))
                    .count();
                if twice == found.0.len() && WRITTEN_TWICE.contains(&(api.as_str(), twice)) {
                    refused_apis += 1;
                } else {
                    trouble.push(format!("{api}: {found}"));
                }
            }
        }
    }
    println!(
        "{apis} APIs, {} services, {} methods, {endpoints} endpoints, {hits} found again",
        services.len(),
        methods.len()
    );
    println!("{refused_apis} of the APIs refused for the bindings they are known to write twice");
    assert!(trouble.is_empty(), "{} findings:\n{}", trouble.len(), trouble.join("\n"));
    assert_eq!(endpoints, hits);
}

/// Routes a sample path of every endpoint; returns how many led back to their endpoint.
fn route(contract: &Contract, trouble: &mut Vec<String>) -> usize {
    let mut router = Router::builder();
    for (index, endpoint) in contract.endpoints.iter().enumerate() {
        if let Err(conflict) = router.insert(&endpoint.verb, &endpoint.template, index, &endpoint.name) {
            trouble.push(conflict.to_string());
        }
    }
    let router = router.build();
    let mut hits = 0;
    for (index, endpoint) in contract.endpoints.iter().enumerate() {
        let method = match &endpoint.verb {
            Verb::Any => http::Method::OPTIONS,
            Verb::Method(name) => http::Method::from_bytes(name.as_bytes()).unwrap(),
        };
        // `**/{x}` and `**` overlap wherever the first can match; a path too short for it is then the other's own.
        let found = ["/rest/of/it", "/rest", ""].iter().any(|rest| {
            let path = sample(&endpoint.template, rest);
            match router.find(&method, &path) {
                Found::Match { value, captures } => {
                    *value == index && captures.len() == endpoint.template.variables().len()
                }
                _ => false,
            }
        });
        if found || endpoint.name == SHADOWED {
            hits += 1;
        } else {
            trouble.push(format!("{} is never found", endpoint.name));
        }
    }
    hits
}

/// Checks what every OpenAPI judge checks first: ids, references, path parameters, and no two paths of one shape.
fn document(contract: &Contract, api: &str, trouble: &mut Vec<String>) {
    let document = openapi::document(contract, &openapi::Info::default());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        if let Some(Value::String(target)) = value.get("$ref")
            && !schemas.contains_key(target.trim_start_matches("#/components/schemas/"))
        {
            trouble.push(format!("{api}: {target} leads nowhere"));
        }
        if let Some(Value::String(id)) = value.get("operationId")
            && !ids.insert(id)
        {
            trouble.push(format!("{api}: operation {id} twice"));
        }
        match value {
            Value::Object(object) => open.extend(object.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    let mut shapes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut shape = String::new();
        let mut written = BTreeSet::new();
        for piece in path.split('{') {
            match piece.split_once('}') {
                Some((name, rest)) => {
                    written.insert(name);
                    shape.push_str("{}");
                    shape.push_str(rest);
                }
                None => shape.push_str(piece),
            }
        }
        if !shapes.insert(shape) {
            trouble.push(format!("{api}: {path} has the shape of another path"));
        }
        for operation in item.as_object().unwrap().values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let declared: BTreeSet<&str> =
                parameters.filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
            if declared != written {
                trouble.push(format!("{api}: {path} declares {declared:?}"));
            }
        }
    }
}

fn sample(template: &Template, rest: &str) -> String {
    let mut path = String::new();
    for (index, segment) in template.segments().iter().enumerate() {
        match segment {
            Segment::Literal(text) => path.push_str(&format!("/{text}")),
            Segment::One => path.push_str(&format!("/one-{index}")),
            Segment::Rest => path.push_str(rest),
        }
    }
    if let Some(verb) = template.verb() {
        path.push_str(&format!(":{verb}"));
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// Import names of all files but those of `google/protobuf`.
fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && name != "google/protobuf" {
                folders.push(path);
            } else if name.ends_with(".proto") {
                found.insert(name);
            }
        }
    }
    found
}

/// Folders that declare services.
fn apis_of(root: &Path, files: &BTreeSet<String>) -> BTreeSet<String> {
    let declares = |name: &&String| read(root, name).lines().any(|line| line.starts_with("service "));
    files.iter().filter(declares).map(|name| name.rsplit_once('/').unwrap().0.to_owned()).collect()
}

/// A root with the files of one API and all they import from the corpus.
fn closure(root: &Path, files: &BTreeSet<String>, api: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut open: Vec<String> =
        files.iter().filter(|name| name.rsplit_once('/').unwrap().0 == api).cloned().collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let target = folder.path().join(&name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(root.join(&name), target).unwrap();
        for line in read(root, &name).lines().filter(|line| line.starts_with("import ")) {
            let import = line.split('"').nth(1).unwrap_or_default().to_owned();
            if files.contains(&import) && seen.insert(import.clone()) {
                open.push(import);
            }
        }
    }
    folder
}

/// Every template written in the corpus, read from the text: independent of the compiler.
fn templates(root: &Path, files: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in files.iter().map(|name| read(root, name)) {
        for key in ["get: \"", "put: \"", "post: \"", "delete: \"", "patch: \"", "path: \""] {
            let values =
                text.match_indices(key).filter_map(|(at, _)| text[at + key.len()..].split('"').next());
            found.extend(values.filter(|value| value.starts_with('/')).map(str::to_owned));
        }
    }
    found
}

fn read(root: &Path, name: &str) -> String {
    std::fs::read_to_string(root.join(name)).unwrap()
}
