//! Lowers a descriptor of an editions file to one of proto3, or proto2 where all its enums are closed.

use super::features::{CLOSED, DEFAULTS, DELIMITED, EXPANDED, Features, IMPLICIT, LEGACY_REQUIRED, present};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use prost_types::FileDescriptorProto;

/// `google.protobuf.Edition` of the newest edition whose defaults are known here.
const EDITION_2024: i32 = 1001;

/// `FieldDescriptorProto.Type` and `Label` numbers.
const TYPE_GROUP: i32 = 10;
const TYPE_MESSAGE: i32 = 11;
const LABEL_REQUIRED: i32 = 2;
const LABEL_REPEATED: i32 = 3;

/// Rewrites a serialized `FileDescriptorProto` if it is of an edition; any other comes back as it went in.
///
/// # Errors
/// What of the file proto2 and proto3 have no word for.
pub(crate) fn lower(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let head = FileDescriptorProto::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
    if head.syntax() != "editions" {
        return Ok(bytes);
    }
    let mut file = DynamicMessage::decode(schema()?, bytes.as_slice()).map_err(|error| error.to_string())?;
    let edition = number(&file, "edition");
    if edition > EDITION_2024 {
        return Err(format!(
            "edition {edition} of google.protobuf.Edition is newer than 2024, the newest known"
        ));
    }
    // What the enums are decides the syntax, and the syntax what has to be written out; so the first pass only looks.
    let mut seen = Seen::default();
    lower_file(&mut file.clone(), &mut seen);
    if let Some(problem) = seen.problem {
        return Err(problem);
    }
    lower_file(&mut file, &mut Seen { proto2: seen.closed.is_some(), ..Seen::default() });
    match (&seen.closed, &seen.open, &seen.implicit) {
        (Some(closed), Some(open), _) => Err(format!(
            "enum {closed} is closed and {open} is open; Tenet reads editions files whose enums are all of one kind"
        )),
        (Some(closed), None, Some(field)) => Err(format!(
            "enum {closed} is closed and field {field} has implicit presence; Tenet reads editions files with one or the other"
        )),
        (closed, ..) => {
            let syntax = if closed.is_some() { "proto2" } else { "proto3" };
            file.set_field_by_name("syntax", Value::String(syntax.to_owned()));
            file.clear_field_by_name("edition");
            Ok(file.encode_to_vec())
        }
    }
}

fn lower_file(file: &mut DynamicMessage, seen: &mut Seen) {
    let features = DEFAULTS.within(file);
    elements(file, "extension", |field| {
        lower_field(field, features, true, seen);
    });
    elements(file, "enum_type", |one| lower_enum(one, features, seen));
    elements(file, "message_type", |message| lower_message(message, features, seen));
}

/// Adds `edition = 14` to a serialized `FileDescriptorProto`: prost's type has no such field.
pub(crate) fn with_number(mut bytes: Vec<u8>, edition: i32) -> Vec<u8> {
    prost::encoding::int32::encode(14, &edition, &mut bytes);
    bytes
}

/// Names of what decides between proto2 and proto3.
#[derive(Default)]
struct Seen {
    /// Lower to proto2, where presence is the rule and packing the exception.
    proto2: bool,
    closed: Option<String>,
    open: Option<String>,
    implicit: Option<String>,
    problem: Option<String>,
}

fn lower_message(message: &mut DynamicMessage, features: Features, seen: &mut Seen) {
    if let Some(Value::Message(options)) = present(message, "options")
        && matches!(present(options, "map_entry"), Some(Value::Bool(true)))
    {
        return;
    }
    let features = features.within(message);
    elements(message, "nested_type", |nested| lower_message(nested, features, seen));
    elements(message, "enum_type", |one| lower_enum(one, features, seen));
    elements(message, "extension", |field| {
        lower_field(field, features, true, seen);
    });
    let mut of_oneof = Vec::new();
    elements(message, "oneof_decl", |oneof| of_oneof.push(features.within(oneof)));
    let mut optional = Vec::new();
    let mut next = i32::try_from(of_oneof.len()).unwrap_or(i32::MAX);
    elements(message, "field", |field| {
        let oneof = field.has_field_by_name("oneof_index").then(|| number(field, "oneof_index"));
        let inherited =
            oneof.and_then(|at| of_oneof.get(usize::try_from(at).ok()?).copied()).unwrap_or(features);
        if lower_field(field, inherited, oneof.is_some(), seen) {
            // proto3 `optional` is a oneof of one field.
            field.set_field_by_name("proto3_optional", Value::Bool(true));
            field.set_field_by_name("oneof_index", Value::I32(next));
            optional.push(format!("_{}", text(field, "name")));
            next += 1;
        }
    });
    add_oneofs(message, optional);
}

/// Writes a field's features out; true when it needs `optional` to have presence.
fn lower_field(field: &mut DynamicMessage, features: Features, has_presence: bool, seen: &mut Seen) -> bool {
    let own = features.within(field);
    let (label, kind) = (number(field, "label"), number(field, "type"));
    if own.message == DELIMITED {
        match kind {
            TYPE_MESSAGE => field.set_field_by_name("type", Value::I32(TYPE_GROUP)),
            // From source, whether a named type is a message is not known yet; said of the field itself, it must be.
            0 if own != features => field.set_field_by_name("type", Value::I32(TYPE_GROUP)),
            0 if !text(field, "type_name").is_empty() => {
                let name = text(field, "name");
                seen.problem.get_or_insert(format!(
                    "field {name} inherits message_encoding = DELIMITED; from source it can only be set on the field itself"
                ));
            }
            _ => {}
        }
    }
    if label == LABEL_REPEATED {
        // Strings, bytes and messages are never packed; of a type not known yet (0) the option is ignored if it is one.
        let packable = !matches!(kind, 9..=12);
        if packable && (own.repeated == EXPANDED) != seen.proto2 {
            set_packed(field, seen.proto2);
        }
        return false;
    }
    if own.presence == LEGACY_REQUIRED {
        field.set_field_by_name("label", Value::I32(LABEL_REQUIRED));
        return false;
    }
    let is_message = matches!(kind, TYPE_MESSAGE | TYPE_GROUP);
    if own.presence == IMPLICIT && !is_message && !has_presence {
        seen.implicit.get_or_insert(text(field, "name"));
        return false;
    }
    !seen.proto2 && !has_presence && !is_message && own.presence != IMPLICIT
}

fn lower_enum(one: &mut DynamicMessage, features: Features, seen: &mut Seen) {
    let name = text(one, "name");
    let kind = if features.within(one).enum_type == CLOSED { &mut seen.closed } else { &mut seen.open };
    kind.get_or_insert(name);
}

fn set_packed(field: &mut DynamicMessage, packed: bool) {
    if let Some(Value::Message(options)) = field.get_field_by_name_mut("options") {
        options.set_field_by_name("packed", Value::Bool(packed));
    }
}

fn add_oneofs(message: &mut DynamicMessage, names: Vec<String>) {
    let Some(kind) = message_kind(message, "oneof_decl").filter(|_| !names.is_empty()) else { return };
    if let Some(Value::List(oneofs)) = message.get_field_by_name_mut("oneof_decl") {
        oneofs.extend(names.into_iter().map(|name| {
            let mut oneof = DynamicMessage::new(kind.clone());
            oneof.set_field_by_name("name", Value::String(name));
            Value::Message(oneof)
        }));
    }
}

fn message_kind(message: &DynamicMessage, field: &str) -> Option<MessageDescriptor> {
    use prost_reflect::ReflectMessage;
    message.descriptor().get_field_by_name(field)?.kind().as_message().cloned()
}

fn elements(message: &mut DynamicMessage, name: &str, mut each: impl FnMut(&mut DynamicMessage)) {
    if let Some(Value::List(values)) = present(message, name) {
        for value in values {
            if let Value::Message(element) = value {
                each(element);
            }
        }
    }
}

fn text(message: &DynamicMessage, name: &str) -> String {
    message.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn number(message: &DynamicMessage, name: &str) -> i32 {
    message.get_field_by_name(name).and_then(|value| value.as_i32()).unwrap_or_default()
}

fn schema() -> Result<MessageDescriptor, String> {
    let file = protox::file::File::from_source("tenet/edition.proto", include_str!("descriptor.proto"))
        .map_err(|error| error.to_string())?;
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file.into()).map_err(|error| error.to_string())?;
    pool.get_message_by_name("tenet.edition.File")
        .ok_or_else(|| "the schema of descriptors has no File".to_owned())
}
