//! Reading options out of dynamic messages, where absent and default are the same.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use std::borrow::Cow;

/// An extension of an options message, when it is defined and set.
pub(crate) fn extension(options: &DynamicMessage, full_name: &str) -> Option<Value> {
    let descriptor = options.descriptor();
    let extension = descriptor.get_extension_by_full_name(full_name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

/// A message extension.
pub(crate) fn message_extension(options: &DynamicMessage, full_name: &str) -> Option<DynamicMessage> {
    match extension(options, full_name)? {
        Value::Message(message) => Some(message),
        _ => None,
    }
}

/// A field that is set.
pub(crate) fn field<'m>(message: &'m DynamicMessage, name: &str) -> Option<Cow<'m, Value>> {
    message.has_field_by_name(name).then(|| message.get_field_by_name(name)).flatten()
}

/// A string field.
pub(crate) fn text(message: &DynamicMessage, name: &str) -> String {
    field(message, name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A bool field.
pub(crate) fn boolean(message: &DynamicMessage, name: &str) -> bool {
    field(message, name).and_then(|value| value.as_bool()).unwrap_or_default()
}

/// An enum or integer field.
pub(crate) fn number(message: &DynamicMessage, name: &str) -> i64 {
    match field(message, name).as_deref() {
        Some(Value::EnumNumber(number) | Value::I32(number)) => i64::from(*number),
        Some(Value::U32(number)) => i64::from(*number),
        Some(Value::I64(number)) => *number,
        _ => 0,
    }
}

/// A message field.
pub(crate) fn message(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    field(message, name).and_then(|value| value.as_message().cloned())
}

/// The elements of a repeated field.
pub(crate) fn list(message: &DynamicMessage, name: &str) -> Vec<Value> {
    field(message, name).and_then(|value| value.as_list().map(<[Value]>::to_vec)).unwrap_or_default()
}
