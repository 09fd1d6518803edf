//! Fields that this program does not know survive its changes: a newer version of the service may have written them, and both run
//! side by side while a release is rolled out.
//!
//! The generated types drop what they do not know, so it is taken from what was stored and put into what replaces it: in the message
//! itself, in messages inside it, in values of maps under the same key, and in elements of lists. An element is taken for the one it was
//! where all that is known of it is the same, or, in a list that has kept its length, where it stands in the same place.

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage, Value};

/// Elements of a list that are looked for wherever they may have gone; in longer ones each is compared with the one in its place only,
/// because looking costs the square of this.
const SOUGHT_MAX: usize = 1000;

/// `new`, with what `old` has and `descriptor` does not know. Where either is no such message, `new` as it is.
pub(super) fn keep(descriptor: &MessageDescriptor, old: &[u8], new: Vec<u8>) -> Vec<u8> {
    let decode = |bytes: &[u8]| DynamicMessage::decode(descriptor.clone(), bytes);
    let Ok(old) = decode(old) else { return new };
    if !has_unknown(&old) {
        return new;
    }
    let Ok(mut message) = decode(&new) else { return new };
    carry(&old, &mut message);
    message.encode_to_vec()
}

fn has_unknown(message: &DynamicMessage) -> bool {
    message.unknown_fields().next().is_some() || message.fields().any(|(_, value)| holds_unknown(value))
}

fn holds_unknown(value: &Value) -> bool {
    match value {
        Value::Message(message) => has_unknown(message),
        Value::List(values) => values.iter().any(holds_unknown),
        Value::Map(values) => values.values().any(holds_unknown),
        _ => false,
    }
}

fn carry(old: &DynamicMessage, new: &mut DynamicMessage) {
    let mut bytes = Vec::new();
    old.unknown_fields().for_each(|field| field.encode(&mut bytes));
    if let Err(error) = new.merge(&bytes[..]) {
        // What was decoded is encoded; it cannot fail, and if it does nothing may be lost in silence.
        tracing::error!(message = old.descriptor().full_name(), %error, "unknown fields were lost");
    }
    for (field, value) in old.fields() {
        if new.has_field(&field) {
            carry_value(value, new.get_field_mut(&field));
        }
    }
}

fn carry_value(old: &Value, new: &mut Value) {
    match (old, new) {
        (Value::Message(old), Value::Message(new)) => carry(old, new),
        (Value::List(old), Value::List(new)) if old.iter().any(holds_unknown) => carry_list(old, new),
        (Value::Map(old), Value::Map(new)) => {
            for (key, old) in old {
                if let Some(new) = new.get_mut(key) {
                    carry_value(old, new);
                }
            }
        }
        _ => {}
    }
}

fn carry_list(old: &[Value], new: &mut [Value]) {
    let same_length = old.len() == new.len();
    let known: Vec<Value> = old.iter().map(known).collect();
    let mut left: Vec<bool> = vec![true; old.len()];
    let mut unmatched = Vec::new();
    for (place, new) in new.iter_mut().enumerate() {
        let here = |place: usize| left.get(place) == Some(&true) && known.get(place) == Some(&*new);
        let found = if here(place) {
            Some(place)
        } else if old.len() <= SOUGHT_MAX {
            (0..old.len()).find(|place| here(*place))
        } else {
            None
        };
        match found {
            Some(found) => {
                left[found] = false;
                carry_value(&old[found], new);
            }
            None => unmatched.push(place),
        }
    }
    for place in unmatched.into_iter().filter(|place| same_length && left[*place]) {
        carry_value(&old[place], &mut new[place]);
    }
}

/// A value without what is not known of it. Made anew: a message that unknown fields were taken out of is not equal to one that never
/// had any.
fn known(value: &Value) -> Value {
    match value {
        Value::Message(message) => {
            let mut known_message = DynamicMessage::new(message.descriptor());
            message.fields().for_each(|(field, value)| known_message.set_field(&field, known(value)));
            Value::Message(known_message)
        }
        Value::List(values) => Value::List(values.iter().map(known).collect()),
        Value::Map(values) => {
            Value::Map(values.iter().map(|(key, value)| (key.clone(), known(value))).collect())
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests;
