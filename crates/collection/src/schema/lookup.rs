//! Fields of a message by what an author wrote, and the nearest right one where there is none.

use super::KeyField;
use crate::name;
use prost_reflect::{FieldDescriptor, Kind as FieldKind, MessageDescriptor};

/// Neither repeated nor a map nor a member of a oneof; `optional` is none.
pub(super) fn is_plain(field: &FieldDescriptor) -> bool {
    let member = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
    !field.is_list() && !field.is_map() && !member
}

/// The field of this name, or what is wrong and a hint.
pub(super) fn named(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, (String, String)> {
    if let Some(field) = message.get_field_by_name(name) {
        return Ok(field);
    }
    if let Some((first, _)) = name.split_once('.') {
        let hint = format!("copy what is to be found out of `{first}` into a field of its own");
        return Err((
            format!("`{name}` is inside of another message; expected a field of the message itself"),
            hint,
        ));
    }
    /// Less alike than this is no typing error.
    const ALIKE: f64 = 0.75;
    let near = message
        .fields()
        .map(|field| (strsim::jaro_winkler(field.name(), name), field.name().to_owned()))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match near {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => its_fields(message),
    };
    Err((format!("`{name}` is not a field of {}", message.full_name()), hint))
}

/// The first few names: a hint is no reference.
fn its_fields(message: &MessageDescriptor) -> String {
    const SHOWN: usize = 8;
    let names: Vec<String> = message.fields().map(|field| format!("`{}`", field.name())).collect();
    match names.len() {
        0 => "the message has no fields".to_owned(),
        all if all > SHOWN => format!("its fields are {}, …", names[..SHOWN].join(", ")),
        _ => format!("its fields are {}", names.join(", ")),
    }
}

/// Why a field cannot be part of a key, and a hint.
pub(super) fn unfit(field: &FieldDescriptor) -> (String, String) {
    let expected = "expected a single string, bytes, bool, enum, integer or google.protobuf.Timestamp";
    let message = format!("`{}` is {}; {expected}", field.name(), describe(field));
    let hint = match field.kind() {
        _ if field.is_list() || field.is_map() => "what there are several of makes no one key",
        FieldKind::Float | FieldKind::Double => "equal amounts can be different floating-point numbers",
        FieldKind::Message(_) => "copy what is to be found out of it into a field of its own",
        _ => "a key has the same fields whichever member is set; move it out of the oneof",
    };
    (message, hint.to_owned())
}

pub(super) fn describe(field: &FieldDescriptor) -> String {
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    match (field.is_map(), field.is_list(), oneof, field.kind()) {
        (true, ..) => "a map".to_owned(),
        (_, true, ..) => "repeated".to_owned(),
        (.., Some(oneof), _) => format!("a member of the oneof `{}`", oneof.name()),
        (.., FieldKind::Message(message)) => format!("a {}", message.full_name()),
        (.., FieldKind::Enum(names)) => format!("the enum {}", names.full_name()),
        (.., kind) => format!("a {kind:?}").to_lowercase(),
    }
}

/// The field that looks most like an id.
pub(super) fn likely_key(message: &MessageDescriptor) -> String {
    let own = format!("{}_id", name::default_name(message.full_name()).replace('-', "_"));
    let rate = |name: &str| match name {
        _ if name == own || name == "id" => 3,
        "name" | "key" => 2,
        _ if name.ends_with("_id") => 1,
        _ => 0,
    };
    let fit = message.fields().filter(|field| is_plain(field) && KeyField::of(field).is_some());
    // `max_by_key` takes the last of several: the first is what an author would take.
    let mut likely: Option<(i32, String)> = None;
    for field in fit {
        let rate = rate(field.name());
        if likely.as_ref().is_none_or(|(most, _)| rate > *most) {
            likely = Some((rate, field.name().to_owned()));
        }
    }
    likely.map(|(_, name)| format!("for example `key: \"{name}\"`")).unwrap_or_default()
}
