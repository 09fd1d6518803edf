//! Feature settings: defaults of the editions, and what options say (protobuf, "Feature Settings for Editions").

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

/// `google.protobuf.FeatureSet` numbers of the settings that change bytes or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) presence: i32,
    pub(super) enum_type: i32,
    pub(super) repeated: i32,
    pub(super) message: i32,
}

pub(super) const IMPLICIT: i32 = 2;
pub(super) const LEGACY_REQUIRED: i32 = 3;
pub(super) const CLOSED: i32 = 2;
pub(super) const EXPANDED: i32 = 2;
pub(super) const DELIMITED: i32 = 2;

/// Editions 2023 and 2024 agree on these.
pub(super) const DEFAULTS: Features = Features { presence: 1, enum_type: 1, repeated: 1, message: 1 };

/// Names of `FeatureSet`'s fields with those of their values from 1 on.
const SETTINGS: [(&str, &[&str]); 4] = [
    ("field_presence", &["EXPLICIT", "IMPLICIT", "LEGACY_REQUIRED"]),
    ("enum_type", &["OPEN", "CLOSED"]),
    ("repeated_field_encoding", &["PACKED", "EXPANDED"]),
    ("message_encoding", &["LENGTH_PREFIXED", "DELIMITED"]),
];

impl Features {
    fn set(&mut self, name: &str, value: i32) {
        match name {
            "field_presence" => self.presence = value,
            "enum_type" => self.enum_type = value,
            "repeated_field_encoding" => self.repeated = value,
            "message_encoding" => self.message = value,
            _ => {}
        }
    }

    /// These settings with what the `options` field of an element adds, which is taken out of it.
    pub(super) fn within(mut self, element: &mut DynamicMessage) -> Features {
        let Some(Value::Message(options)) = present(element, "options") else { return self };
        if let Some(Value::Message(features)) = present(options, "features") {
            for (name, _) in SETTINGS {
                if let Some(Value::I32(value)) = present(features, name) {
                    let value = *value;
                    self.set(name, value);
                }
            }
            options.clear_field_by_name("features");
        }
        if let Some(Value::List(uninterpreted)) = present(options, "uninterpreted_option") {
            uninterpreted.retain(|option| !self.takes(option));
            if uninterpreted.is_empty() {
                options.clear_field_by_name("uninterpreted_option");
            }
        }
        // Options that held nothing else would be there, and empty, for no reason.
        if *options == DynamicMessage::new(options.descriptor()) {
            element.clear_field_by_name("options");
        }
        self
    }

    /// Whether an option of the parser is a feature; one that is known is set.
    fn takes(&mut self, option: &Value) -> bool {
        let Some(option) = option.as_message() else { return false };
        let parts = option.get_field_by_name("name").and_then(|parts| parts.as_list().map(<[Value]>::to_vec));
        let names: Vec<String> = parts.unwrap_or_default().iter().filter_map(part).collect();
        if names.first().map(String::as_str) != Some("features") {
            return false;
        }
        let value = option.get_field_by_name("identifier_value");
        let value = value.as_deref().and_then(Value::as_str).unwrap_or_default();
        if let [_, name] = names.as_slice()
            && let Some((_, values)) = SETTINGS.iter().find(|(known, _)| known == name)
            && let Some(number) = values.iter().position(|known| *known == value)
        {
            self.set(name, i32::try_from(number + 1).unwrap_or(0));
        }
        true
    }
}

fn part(value: &Value) -> Option<String> {
    value.as_message()?.get_field_by_name("name_part")?.as_str().map(str::to_owned)
}

/// A field that is set, to be changed.
pub(super) fn present<'m>(message: &'m mut DynamicMessage, name: &str) -> Option<&'m mut Value> {
    if message.has_field_by_name(name) { message.get_field_by_name_mut(name) } else { None }
}
