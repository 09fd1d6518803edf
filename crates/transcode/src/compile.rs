//! Descriptor set → tables: names resolved, features decided, extensions put among the fields of what they extend.

use crate::CompileError;
use crate::descriptor::{EnumProto, FieldProto, FileProto, FileSet, MessageProto};
use crate::features::{Features, Presence};
use crate::table::{Codec, Enum, Field, Kind, Message, Names, Repeat, Shape};
use prost::Message as _;
use std::collections::BTreeMap;

/// Field indices are kept in 16 bits; protobuf's own compilers stop long before.
const MAX_FIELDS: usize = 65_000;

/// `.proto` files whose types have a JSON form of their own.
const SHAPES: &[(&str, Shape)] = &[
    ("google.protobuf.Any", Shape::Any),
    ("google.protobuf.Timestamp", Shape::Timestamp),
    ("google.protobuf.Duration", Shape::Duration),
    ("google.protobuf.FieldMask", Shape::FieldMask),
    ("google.protobuf.Struct", Shape::Struct),
    ("google.protobuf.Value", Shape::Value),
    ("google.protobuf.ListValue", Shape::ListValue),
    ("google.protobuf.DoubleValue", Shape::Wrapper),
    ("google.protobuf.FloatValue", Shape::Wrapper),
    ("google.protobuf.Int64Value", Shape::Wrapper),
    ("google.protobuf.UInt64Value", Shape::Wrapper),
    ("google.protobuf.Int32Value", Shape::Wrapper),
    ("google.protobuf.UInt32Value", Shape::Wrapper),
    ("google.protobuf.BoolValue", Shape::Wrapper),
    ("google.protobuf.StringValue", Shape::Wrapper),
    ("google.protobuf.BytesValue", Shape::Wrapper),
];

/// The fields each shape's reader and printer rely on: (number, type code), so that a user's own file of that name cannot
/// mislead them. Type codes are those of `FieldDescriptorProto.Type`.
fn shape_fields(shape: Shape) -> &'static [(i32, i32)] {
    const INT64: i32 = 3;
    const INT32: i32 = 5;
    const BOOL: i32 = 8;
    const STRING: i32 = 9;
    const MESSAGE: i32 = FieldProto::TYPE_MESSAGE;
    const BYTES: i32 = 12;
    const ENUM: i32 = FieldProto::TYPE_ENUM;
    match shape {
        Shape::Plain | Shape::Wrapper => &[],
        Shape::Any => &[(1, STRING), (2, BYTES)],
        Shape::Timestamp | Shape::Duration => &[(1, INT64), (2, INT32)],
        Shape::FieldMask => &[(1, STRING)],
        Shape::Struct | Shape::ListValue => &[(1, MESSAGE)],
        Shape::Value => &[(1, ENUM), (2, 1), (3, STRING), (4, BOOL), (5, MESSAGE), (6, MESSAGE)],
    }
}

struct MessageItem<'a> {
    name: String,
    proto: &'a MessageProto,
    features: Features,
}

struct EnumItem<'a> {
    name: String,
    proto: &'a EnumProto,
    features: Features,
}

struct ExtensionItem<'a> {
    scope: String,
    proto: &'a FieldProto,
    features: Features,
}

/// Everything declared in the set, flat, with the features in force at each place.
#[derive(Default)]
struct Items<'a> {
    messages: Vec<MessageItem<'a>>,
    enums: Vec<EnumItem<'a>>,
    extensions: Vec<ExtensionItem<'a>>,
}

impl<'a> Items<'a> {
    fn file(&mut self, file: &'a FileProto) -> Result<(), CompileError> {
        let features = Features::of_file(file).map_err(|message| CompileError::new(&file.name, message))?;
        let scope = &file.package;
        file.message_type.iter().for_each(|message| self.message(scope, message, features));
        file.enum_type.iter().for_each(|proto| self.an_enum(scope, proto, features));
        self.extensions(scope, &file.extension, features);
        Ok(())
    }

    /// Recurses as deep as messages are declared inside messages; prost refuses sets deeper than 100.
    fn message(&mut self, scope: &str, proto: &'a MessageProto, features: Features) {
        let features = features.within(proto.options.as_ref().and_then(|options| options.features));
        let name = joined(scope, &proto.name);
        proto.nested_type.iter().for_each(|nested| self.message(&name, nested, features));
        proto.enum_type.iter().for_each(|nested| self.an_enum(&name, nested, features));
        self.extensions(&name, &proto.extension, features);
        self.messages.push(MessageItem { name, proto, features });
    }

    fn an_enum(&mut self, scope: &str, proto: &'a EnumProto, features: Features) {
        let features = features.within(proto.options.as_ref().and_then(|options| options.features));
        self.enums.push(EnumItem { name: joined(scope, &proto.name), proto, features });
    }

    fn extensions(&mut self, scope: &str, protos: &'a [FieldProto], features: Features) {
        let items = protos.iter().map(|proto| ExtensionItem { scope: scope.to_owned(), proto, features });
        self.extensions.extend(items);
    }
}

fn joined(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// Compiles a serialised `FileDescriptorSet`.
pub(crate) fn codec(set: &[u8]) -> Result<Codec, CompileError> {
    let set = FileSet::decode(set).map_err(|error| {
        CompileError::new("descriptor set", format!("not a google.protobuf.FileDescriptorSet: {error}"))
    })?;
    let mut items = Items::default();
    set.file.iter().try_for_each(|file| items.file(file))?;
    let compiler = Compiler::new(&items)?;
    let messages = items.messages.iter().map(|item| compiler.message(item)).collect::<Result<_, _>>()?;
    let enums = items.enums.iter().map(|item| compiler.an_enum(item)).collect();
    let by_name = compiler.messages.iter().map(|(&name, &id)| (name.into(), id)).collect();
    Ok(Codec { messages, enums, by_name })
}

struct Compiler<'a> {
    items: &'a Items<'a>,
    messages: BTreeMap<&'a str, u32>,
    enums: BTreeMap<&'a str, u32>,
    extensions: BTreeMap<&'a str, Vec<&'a ExtensionItem<'a>>>,
}

impl<'a> Compiler<'a> {
    fn new(items: &'a Items<'a>) -> Result<Compiler<'a>, CompileError> {
        let mut compiler = Compiler {
            items,
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
            extensions: BTreeMap::new(),
        };
        for (id, item) in items.messages.iter().enumerate() {
            if compiler.messages.insert(&item.name, id as u32).is_some() {
                return Err(CompileError::new(&item.name, "declared twice"));
            }
        }
        for (id, item) in items.enums.iter().enumerate() {
            if compiler.enums.insert(&item.name, id as u32).is_some() {
                return Err(CompileError::new(&item.name, "declared twice"));
            }
        }
        for item in &items.extensions {
            let extendee = item.proto.extendee.trim_start_matches('.');
            compiler.extensions.entry(extendee).or_default().push(item);
        }
        Ok(compiler)
    }

    fn an_enum(&self, item: &EnumItem<'_>) -> Enum {
        let mut by_number: Vec<(i32, Box<str>)> =
            item.proto.value.iter().map(|value| (value.number, value.name.as_str().into())).collect();
        by_number.sort_by_key(|value| value.0);
        by_number.dedup_by_key(|value| value.0);
        let mut by_name: Vec<(Box<str>, i32)> =
            item.proto.value.iter().map(|value| (value.name.as_str().into(), value.number)).collect();
        by_name.sort();
        Enum {
            full_name: item.name.as_str().into(),
            by_number: by_number.into(),
            by_name: by_name.into(),
            closed: item.features.closed_enums,
            null: item.name == "google.protobuf.NullValue",
        }
    }

    fn message(&self, item: &MessageItem<'_>) -> Result<Message, CompileError> {
        let proto = item.proto;
        let message_set = proto.options.as_ref().is_some_and(|options| options.message_set_wire_format);
        let is_entry = proto.options.as_ref().is_some_and(|options| options.map_entry);
        let shape = SHAPES.iter().find(|(name, _)| *name == item.name).map_or(Shape::Plain, |row| row.1);
        check_shape(shape, item)?;

        let mut fields: Vec<Field> = Vec::new();
        for field in &proto.field {
            let mut features = item.features;
            if let Some(oneof) = field.oneof_index.and_then(|index| proto.oneof_decl.get(index as usize)) {
                features = features.within(oneof.options.as_ref().and_then(|options| options.features));
            }
            let features = features.of_field(field);
            let name = joined(&item.name, &field.name);
            let mut built = self.field(&name, field.name.clone(), json_name(field), field, features)?;
            if is_entry {
                built.delimited = false;
            }
            fields.push(built);
        }
        for extension in self.extensions.get(item.name.as_str()).into_iter().flatten() {
            let features = extension.features.of_field(extension.proto);
            let name = joined(&extension.scope, &extension.proto.name);
            let bracketed = format!("[{name}]");
            let mut built = self.field(&name, bracketed.clone(), bracketed, extension.proto, features)?;
            built.presence = built.repeat == Repeat::Single;
            built.required = false;
            built.extension = true;
            fields.push(built);
        }
        fields.sort_by_key(|field| field.number);
        if let Some(pair) = fields.windows(2).find(|pair| pair[0].number == pair[1].number) {
            let message = format!("{} and {} share number {}", pair[0].name, pair[1].name, pair[0].number);
            return Err(CompileError::new(&item.name, message));
        }
        if fields.len() > MAX_FIELDS {
            return Err(CompileError::new(
                &item.name,
                format!("{} fields; at most {MAX_FIELDS}", fields.len()),
            ));
        }
        Ok(finish(item, shape, message_set, fields))
    }

    fn field(
        &self,
        place: &str,
        name: String,
        json_name: String,
        proto: &FieldProto,
        features: Features,
    ) -> Result<Field, CompileError> {
        let kind = self.kind(place, proto)?;
        let number = u32::try_from(proto.number).ok().filter(|&number| number > 0);
        let Some(number) = number else {
            return Err(CompileError::new(place, format!("{} is not a field number", proto.number)));
        };
        let is_map = matches!(kind, Kind::Message(id) if self.is_entry(id));
        let repeat = match proto.label == FieldProto::LABEL_REPEATED {
            true if is_map => Repeat::Map,
            true => Repeat::List,
            false => Repeat::Single,
        };
        let is_message = matches!(kind, Kind::Message(_));
        let presence = repeat == Repeat::Single
            && (is_message || proto.oneof_index.is_some() || features.presence != Presence::Implicit);
        Ok(Field {
            json_key: quoted_key(&json_name),
            name_key: quoted_key(&name),
            name: name.into(),
            json_name: json_name.into(),
            number,
            kind,
            repeat,
            packed: repeat == Repeat::List && features.packed && kind.packable(),
            delimited: is_message && features.delimited && !is_map,
            presence,
            extension: false,
            required: features.presence == Presence::Required,
            utf8: features.utf8,
            oneof: proto.oneof_index.map(|index| index as u16),
            takes_null: self.takes_null(kind),
        })
    }

    fn takes_null(&self, kind: Kind) -> bool {
        match kind {
            Kind::Message(id) => self.items.messages[id as usize].name == "google.protobuf.Value",
            Kind::Enum(id) => self.items.enums[id as usize].name == "google.protobuf.NullValue",
            _ => false,
        }
    }

    fn is_entry(&self, id: u32) -> bool {
        let proto = self.items.messages[id as usize].proto;
        proto.options.as_ref().is_some_and(|options| options.map_entry)
            && [1, 2].iter().all(|number| proto.field.iter().any(|field| field.number == *number))
            && proto.field.len() == 2
    }

    fn kind(&self, place: &str, proto: &FieldProto) -> Result<Kind, CompileError> {
        let type_name = proto.type_name.trim_start_matches('.');
        let missing = |what: &str| {
            CompileError::new(
                place,
                format!("its type, {what} \"{type_name}\", is not in the descriptor set"),
            )
        };
        Ok(match proto.r#type {
            1 => Kind::Double,
            2 => Kind::Float,
            3 => Kind::Int64,
            4 => Kind::Uint64,
            5 => Kind::Int32,
            6 => Kind::Fixed64,
            7 => Kind::Fixed32,
            8 => Kind::Bool,
            9 => Kind::String,
            FieldProto::TYPE_GROUP | FieldProto::TYPE_MESSAGE => {
                Kind::Message(*self.messages.get(type_name).ok_or_else(|| missing("message"))?)
            }
            12 => Kind::Bytes,
            13 => Kind::Uint32,
            FieldProto::TYPE_ENUM => Kind::Enum(*self.enums.get(type_name).ok_or_else(|| missing("enum"))?),
            15 => Kind::Sfixed32,
            16 => Kind::Sfixed64,
            17 => Kind::Sint32,
            18 => Kind::Sint64,
            other => return Err(CompileError::new(place, format!("{other} is not a field type"))),
        })
    }
}

fn check_shape(shape: Shape, item: &MessageItem<'_>) -> Result<(), CompileError> {
    let has = |number: i32, kind: i32| {
        item.proto.field.iter().any(|field| field.number == number && field.r#type == kind)
    };
    let fields = shape_fields(shape);
    let whole = fields.iter().all(|&(number, kind)| has(number, kind))
        && (fields.is_empty() || fields.len() == item.proto.field.len());
    let wrapper = shape != Shape::Wrapper
        || (item.proto.field.len() == 1
            && item.proto.field[0].number == 1
            && item.proto.field[0].label != FieldProto::LABEL_REPEATED
            && !matches!(item.proto.field[0].r#type, FieldProto::TYPE_MESSAGE | FieldProto::TYPE_GROUP));
    if whole && wrapper {
        return Ok(());
    }
    Err(CompileError::new(&item.name, "declared with other fields than protobuf's well-known type has"))
}

fn finish(item: &MessageItem<'_>, shape: Shape, message_set: bool, fields: Vec<Field>) -> Message {
    let required = fields.iter().filter(|field| field.required).count();
    let fields: Box<[Field]> = fields.into();
    let top = fields.iter().map(|field| field.number).filter(|&number| number < crate::table::DENSE).max();
    let mut dense = vec![0u16; top.map_or(0, |top| top as usize + 1)];
    for (index, field) in fields.iter().enumerate() {
        if let Some(slot) = dense.get_mut(field.number as usize) {
            *slot = index as u16 + 1;
        }
    }
    let json_names = fields.iter().enumerate().map(|(index, field)| (&*field.json_name, index));
    let names = fields.iter().enumerate().map(|(index, field)| (&*field.name, index));
    Message {
        full_name: item.name.as_str().into(),
        shape,
        names: Names::new(json_names.chain(names)),
        fields,
        dense: dense.into(),
        required,
        oneofs: item.proto.oneof_decl.len(),
        message_set,
    }
}

/// The name protoc gives a field in JSON, when the descriptor does not say: underscores go, the next letter is upper.
fn json_name(field: &FieldProto) -> String {
    if !field.json_name.is_empty() {
        return field.json_name.clone();
    }
    let mut name = String::new();
    let mut upper = false;
    for letter in field.name.chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                name.push(letter.to_ascii_uppercase());
                upper = false;
            }
            letter => name.push(letter),
        }
    }
    name
}

fn quoted_key(name: &str) -> Box<[u8]> {
    let mut key = Vec::new();
    crate::print::string(name, &mut key);
    key.push(b':');
    key.into()
}
