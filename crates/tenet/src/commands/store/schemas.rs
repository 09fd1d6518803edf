//! Collections as the release declares them: keys as text, values as ProtoJSON.

use crate::cli::Failed;
use std::collections::BTreeMap;
use tenet_collection::{Kind, Schema, parse, prefix_end, show};
use tenet_release::Release;
use tenet_transcode::{Codec, MessageId, ParseOptions, PrintOptions, Unknowns};

/// Largest value that is shown as JSON; the store's longest message is far below it.
pub const MOST_JSON: usize = 256 << 20;

/// The schemas of a release.
pub struct Schemas {
    codec: Codec,
    by_name: BTreeMap<(String, String), Typed>,
}

/// A collection with a schema.
pub struct Typed {
    /// By what its messages are kept.
    pub schema: Schema,
    message: MessageId,
}

impl Schemas {
    /// Of this release.
    pub fn of(release: &Release) -> Result<Schemas, Failed> {
        let codec = Codec::compile(&release.contract.pool)
            .map_err(|error| Failed::while_doing("the contract cannot be used for JSON", &error))?;
        let typed = |(service, schema): (&str, &Schema)| {
            let message = codec.message(&schema.message)?;
            Some(((service.to_owned(), schema.name.clone()), Typed { schema: schema.clone(), message }))
        };
        let by_name = release.collections().into_iter().filter_map(typed).collect();
        Ok(Schemas { codec, by_name })
    }

    /// The schema of a collection. None: the release has none, and it is bytes.
    pub fn get(&self, namespace: &str, collection: &str) -> Option<&Typed> {
        self.by_name.get(&(namespace.to_owned(), collection.to_owned()))
    }

    /// A message as ProtoJSON, and whether that says all of it; `None` where it is no message.
    pub fn print(&self, typed: &Typed, value: &[u8]) -> Option<(String, bool)> {
        let mut json = Vec::new();
        let options = PrintOptions { max_output: MOST_JSON, ..PrintOptions::default() };
        self.codec.wire_to_json(typed.message, value, &options, &mut json).ok()?;
        let json = String::from_utf8(json).ok()?;
        // A field that the contract does not know is not in its JSON: it would be lost on the way back.
        let back = self.parse(typed, json.as_bytes()).ok();
        Some((json, back.as_deref() == Some(value)))
    }

    /// The message that ProtoJSON says.
    pub fn parse(&self, typed: &Typed, json: &[u8]) -> Result<Vec<u8>, String> {
        let mut message = Vec::new();
        let options = ParseOptions { strict: true, max_output: MOST_JSON, ..ParseOptions::default() };
        self.codec
            .json_to_wire(typed.message, json, &options, &mut message, &mut Unknowns::new())
            .map_err(|error| error.to_string())?;
        Ok(message)
    }
}

/// A key as text, where it is one of these kinds.
pub fn text(kinds: &[Kind], key: &[u8]) -> Option<String> {
    show(kinds, key).ok()
}

/// A record's key out of what was typed: of the schema's kinds, or hexadecimal digits behind `0x`, or the text itself.
pub fn record(typed: Option<&Typed>, text: &str) -> Result<Vec<u8>, Failed> {
    match typed {
        Some(typed) => parse(&typed.schema.record_kinds(), text)
            .map_err(|error| Failed(format!("error: {text:?} is no key of {}: {error}", typed.schema.name))),
        None => raw(text),
    }
}

/// The beginning of records' keys: of the first few of the schema's kinds.
pub fn beginning(typed: Option<&Typed>, text: &str) -> Result<Vec<u8>, Failed> {
    let Some(typed) = typed else { return raw(text) };
    let kinds = typed.schema.record_kinds();
    let found = (1..=kinds.len()).find_map(|count| parse(&kinds[..count], text).ok());
    match found {
        Some(key) => Ok(key),
        // Says what is wrong with it.
        None => record(Some(typed), text),
    }
}

/// The first key after all that begin so; none where there is none.
pub fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    Some(prefix_end(prefix)).filter(|end| !end.is_empty())
}

fn raw(text: &str) -> Result<Vec<u8>, Failed> {
    let Some(digits) = text.strip_prefix("0x") else { return Ok(text.as_bytes().to_vec()) };
    let bad =
        || Failed(format!("error: {text:?} is no key: expected two hexadecimal digits a byte behind 0x"));
    if digits.len() % 2 != 0 || !digits.is_ascii() {
        return Err(bad());
    }
    let pairs = digits.as_bytes().chunks(2);
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("?"), 16).map_err(|_| bad());
    pairs.map(byte).collect()
}
