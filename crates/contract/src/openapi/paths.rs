//! Paths: templates as OpenAPI can say them.
//!
//! An OpenAPI path parameter is one segment. So a variable with a sub-pattern is written out:
//! `/v1/{name=users/*/posts/*}` becomes `/v1/users/{user}/posts/{post}`. Templates of one shape share one path item, with
//! the parameter names of the first, because OpenAPI holds paths that differ only in names to be the same.

use super::{
    Info,
    names::{Names, singular},
    operation,
    schemas::Schemas,
};
use crate::template::Segment;
use crate::{Contract, Endpoint, FieldPath, Template, Verb};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One parameter of a path.
pub(super) struct PathParameter {
    pub(super) name: String,
    /// The field it fills; `None` for a wildcard outside any variable.
    pub(super) field: Option<FieldPath>,
    /// How the field's value is made when the parameter is only a part of it: `users/{user}/posts/{post}`.
    pub(super) whole: Option<String>,
    /// It stands for `**`.
    pub(super) rest: bool,
}

/// A template as an OpenAPI path.
pub(super) struct Path {
    pub(super) text: String,
    pub(super) parameters: Vec<PathParameter>,
}

/// HTTP methods an OpenAPI path item has a place for.
const KNOWN: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
/// What a binding of every method is documented as.
const ANY: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];

pub(super) fn paths(
    contract: &Contract,
    endpoints: &[&Endpoint],
    info: &Info,
    names: &Names,
    schemas: &mut Schemas<'_>,
) -> Value {
    let mut shapes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut nth: BTreeMap<usize, usize> = BTreeMap::new();
    let mut items: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    // A binding of one method comes before one of any, which fills what is left.
    let (any, one): (Vec<&Endpoint>, Vec<&Endpoint>) =
        endpoints.iter().partition(|endpoint| endpoint.verb == Verb::Any);
    for endpoint in one.into_iter().chain(any) {
        let path = path(&endpoint.template, &mut shapes);
        let item = items.entry(path.text.clone()).or_default();
        let verbs: &[&str] = match &endpoint.verb {
            Verb::Any => &ANY,
            Verb::Method(name) => &[name.as_str()],
        };
        for verb in verbs {
            // OpenAPI 3.1 has no place for other methods; an extension keeps them readable.
            let key =
                if KNOWN.contains(verb) { verb.to_lowercase() } else { format!("x-{}", verb.to_lowercase()) };
            if !item.contains_key(&key) {
                let count = nth.entry(endpoint.method).or_default();
                let id = names.operation_id(contract, endpoint.method, *count);
                *count += 1;
                item.insert(key, operation::operation(contract, endpoint, &path, &id, info, names, schemas));
            }
        }
    }
    Value::Object(items.into_iter().map(|(path, item)| (path, Value::Object(item))).collect())
}

fn path(template: &Template, shapes: &mut BTreeMap<String, Vec<String>>) -> Path {
    let verb = template.verb().map(|verb| format!(":{verb}")).unwrap_or_default();
    let shape: String = template
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::One | Segment::Rest => "/{}".to_owned(),
        })
        .chain([verb.clone()])
        .collect();
    let names = shapes.entry(shape).or_insert_with(|| parameter_names(template));
    let mut open = names.iter();
    let mut written: Vec<String> = Vec::new();
    let mut parameters = Vec::new();
    for (index, segment) in template.segments().iter().enumerate() {
        match segment {
            Segment::Literal(text) => written.push(text.clone()),
            Segment::One | Segment::Rest => {
                let name = open.next().cloned().unwrap_or_default();
                written.push(format!("{{{name}}}"));
                let field = template.variables().iter().find(|v| (v.start..v.end).contains(&index));
                let field = field.map(|v| v.field_path.clone());
                parameters.push(PathParameter { name, field, whole: None, rest: *segment == Segment::Rest });
            }
        }
    }
    for variable in template.variables().iter().filter(|variable| variable.end - variable.start > 1) {
        let whole = written[variable.start..variable.end].join("/");
        let parts = parameters.iter_mut().filter(|p| p.field.as_ref() == Some(&variable.field_path));
        parts.for_each(|parameter| parameter.whole = Some(whole.clone()));
    }
    Path { text: format!("/{}{verb}", written.join("/")), parameters }
}

/// The field's name for a variable of one segment, else one made of the segment before.
fn parameter_names(template: &Template) -> Vec<String> {
    let mut used = BTreeSet::new();
    let segments = template.segments();
    let mut names = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        if matches!(segment, Segment::Literal(_)) {
            continue;
        }
        let variable = template.variables().iter().find(|v| (v.start..v.end).contains(&index));
        let before = index.checked_sub(1).map(|at| &segments[at]);
        let wanted = match (variable, before) {
            (Some(variable), _) if variable.end - variable.start == 1 => variable.field_path.to_string(),
            (_, Some(Segment::Literal(text))) => singular(text),
            _ => "segment".to_owned(),
        };
        let unique = std::iter::once(wanted.clone())
            .chain((2..).map(|number| format!("{wanted}{number}")))
            .find(|name| !used.contains(name))
            .unwrap_or(wanted);
        used.insert(unique.clone());
        names.push(unique);
    }
    names
}
