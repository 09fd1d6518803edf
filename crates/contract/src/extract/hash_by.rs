//! Checks `hash_by` against the request message it speaks of.

use super::policy::Report;
use super::rule::{describe, named};
use crate::{FieldPath, HashBy};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};
use tenet_transcode::{FieldLocator, MAX_LOCATED_DEPTH};

/// The field `path` of the method's request; a bad one is reported and left out. An empty path is none.
pub(super) fn hash_by(method: &MethodDescriptor, path: &str, report: &mut impl Report) -> Option<HashBy> {
    if path.is_empty() {
        return None;
    }
    if method.is_client_streaming() {
        let message = "hash_by: the instance is chosen before a stream's first message is there".to_owned();
        report(message, path, "leave it out, or make the request one message");
        return None;
    }
    let path = FieldPath::new(path);
    match check(&method.input(), &path) {
        Ok(locator) => Some(HashBy { path, locator }),
        Err((message, hint)) => {
            report(format!("hash_by: {message}"), &path.to_string(), &hint);
            None
        }
    }
}

fn check(input: &MessageDescriptor, path: &FieldPath) -> Result<FieldLocator, (String, String)> {
    const KINDS: &str = "expected a single string, bytes, integer, bool or enum";
    let mut message = input.clone();
    let names = path.names();
    for (index, name) in names.iter().enumerate() {
        let field = named(&message, name)?;
        let single = !field.is_list() && !field.is_map();
        let last = index + 1 == names.len();
        match field.kind() {
            Kind::Message(inner) if single && !last => message = inner,
            Kind::Message(inner) if single => {
                let scalar = inner.fields().find(|field| {
                    !field.is_list()
                        && !field.is_map()
                        && !matches!(field.kind(), Kind::Message(_) | Kind::Float | Kind::Double)
                });
                let hint = scalar.map(|field| format!("did you mean `{path}.{}`?", field.name()));
                let message = format!("`{path}` is {}; {KINDS}", describe(&field));
                return Err((message, hint.unwrap_or_default()));
            }
            Kind::Float | Kind::Double if single && last => {
                let message = format!("`{path}` is {}; {KINDS}", describe(&field));
                return Err((message, "equal amounts can be different floating-point numbers".to_owned()));
            }
            _ if !last => {
                let message =
                    format!("`{name}` of `{path}` is {}; expected a single message", describe(&field));
                return Err((message, String::new()));
            }
            _ if !single => {
                return Err((format!("`{path}` is {}; {KINDS}", describe(&field)), String::new()));
            }
            _ => {}
        }
    }
    FieldLocator::compile(input, names).ok_or_else(|| {
        (format!("`{path}` is too deep; expected at most {MAX_LOCATED_DEPTH} names"), String::new())
    })
}
