//! An item as a line of JSON, and the way back.
//!
//! ```json
//! {"namespace":"accounts","collection":"user","record":"(\"u7\")","version":12,"updateTime":"2026-11-26T05:27:45.120Z","value":{"id":"u7"}}
//! {"namespace":"accounts","collection":"old","recordBytes":"dTc=","version":3,"updateTime":"…","valueBytes":"AAE="}
//! ```
//!
//! Keys are text and values ProtoJSON where the release has a schema; base64 (RFC 4648) where it has none, where the bytes are none of its
//! messages, and beside the JSON where that does not say all (`valueBytes` then wins on the way back, if both say the same).

use super::schemas::{Schemas, Typed, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tenet_collection::{Kind, parse};
use tenet_store::item::{Item, UnixMs};
use tenet_store::name::ItemKey;
use tenet_transcode::instant;

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// The namespace.
    pub namespace: String,
    /// The collection in it.
    pub collection: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record_bytes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item_bytes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expire_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_bytes: Option<String>,
}

/// What a line says to write.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// The record's id.
    pub record: Vec<u8>,
    /// The item's key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// From when on it is gone.
    pub expires: Option<UnixMs>,
}

impl Line {
    /// Of an item, whose whole value is `value`.
    pub fn of(
        schemas: &Schemas,
        (namespace, collection): (&str, &str),
        key: &ItemKey,
        item: &Item,
        value: &[u8],
    ) -> Line {
        let typed = schemas.get(namespace, collection);
        let kinds = |of: fn(&Typed) -> Vec<Kind>| typed.map(of);
        let shown = |kinds: Option<Vec<Kind>>, key: &[u8]| kinds.and_then(|kinds| text(&kinds, key));
        let record = shown(kinds(|typed| typed.schema.record_kinds()), &key.record.id);
        let whole_record = key.key.is_empty();
        let item_text =
            if whole_record { None } else { shown(kinds(|typed| typed.schema.item_kinds()), &key.key) };
        let printed = typed.and_then(|typed| schemas.print(typed, value));
        let all = printed.as_ref().is_some_and(|(_, all)| *all);
        Line {
            namespace: namespace.to_owned(),
            collection: collection.to_owned(),
            record_bytes: record.is_none().then(|| BASE64.encode(&key.record.id)),
            record,
            item_bytes: (item_text.is_none() && !whole_record).then(|| BASE64.encode(&key.key)),
            item: item_text,
            version: Some(item.version.0),
            update_time: time(item.updated),
            expire_time: item.expires.and_then(time),
            value: printed.and_then(|(json, _)| RawValue::from_string(json).ok()),
            value_bytes: (!all).then(|| BASE64.encode(value)),
        }
    }

    /// What it says. The error is the first thing that is wrong.
    pub fn said(&self, schemas: &Schemas) -> Result<Said, String> {
        let typed = schemas.get(&self.namespace, &self.collection);
        let value = self.bytes(schemas, typed)?;
        let address = typed.filter(|_| self.value.is_some()).map(|typed| typed.schema.address(&value));
        let address = address.transpose().map_err(|error| format!("the value has no key: {error}"))?;
        let (record_kinds, item_kinds) =
            typed.map(|typed| (typed.schema.record_kinds(), typed.schema.item_kinds())).unzip();
        let record = key("record", &self.record, &self.record_bytes, record_kinds.as_deref())?;
        let item = key("item", &self.item, &self.item_bytes, item_kinds.as_deref())?;
        let (record, key) = match address {
            None => (record.ok_or("it has neither record nor recordBytes")?, item.unwrap_or_default()),
            Some(address) => {
                let differs = record.is_some_and(|said| said != address.record)
                    || item.is_some_and(|said| said != address.item);
                if differs {
                    return Err("the key that it says is not the key of its value".into());
                }
                (address.record, address.item)
            }
        };
        tenet_store::name::record_id(&record).map_err(|error| error.to_string())?;
        tenet_store::name::item_key(&key).map_err(|error| error.to_string())?;
        let own = typed.and_then(|typed| typed.schema.expires(&value));
        let expires = match &self.expire_time {
            Some(text) => Some(
                instant::parse(text)
                    .ok_or_else(|| format!("expireTime {text:?} is no time as 2026-11-26T05:27:45Z"))?,
            ),
            None => own,
        };
        Ok(Said { record, key, value, expires: expires.map(millis) })
    }

    fn bytes(&self, schemas: &Schemas, typed: Option<&Typed>) -> Result<Vec<u8>, String> {
        let bytes = self.value_bytes.as_ref().map(|text| base64("valueBytes", text)).transpose()?;
        match (&self.value, bytes, typed) {
            (None, Some(bytes), _) => Ok(bytes),
            (None, None, _) => Err("it has neither value nor valueBytes".into()),
            (Some(_), _, None) => Err(format!(
                "{}/{} has no schema in the release, so its values are valueBytes",
                self.namespace, self.collection
            )),
            (Some(value), None, Some(typed)) => schemas
                .parse(typed, value.get().as_bytes())
                .map_err(|error| format!("its value is no {}: {error}", typed.schema.message)),
            (Some(value), Some(bytes), Some(typed)) => {
                let said = schemas.parse(typed, value.get().as_bytes())?;
                let printed = schemas.print(typed, &bytes).map(|(json, _)| json);
                let same = printed.and_then(|json| schemas.parse(typed, json.as_bytes()).ok()) == Some(said);
                if same {
                    Ok(bytes)
                } else {
                    Err("value and valueBytes differ: leave out the one that is not meant".into())
                }
            }
        }
    }
}

fn key(
    what: &str,
    text: &Option<String>,
    bytes: &Option<String>,
    kinds: Option<&[Kind]>,
) -> Result<Option<Vec<u8>>, String> {
    match (text, bytes, kinds) {
        (None, None, _) => Ok(None),
        (Some(_), Some(_), _) => Err(format!("it has {what} and {what}Bytes, expected one of them")),
        (None, Some(bytes), _) => base64(&format!("{what}Bytes"), bytes).map(Some),
        (Some(_), None, None) => Err(format!("there is no schema in the release, so {what} is {what}Bytes")),
        (Some(text), None, Some(kinds)) => {
            parse(kinds, text).map(Some).map_err(|error| format!("{what} {text:?}: {error}"))
        }
    }
}

fn base64(what: &str, text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text).map_err(|error| format!("{what} is no base64: {error}"))
}

fn time(at: UnixMs) -> Option<String> {
    instant::print(at.0.div_euclid(1000), at.0.rem_euclid(1000) as u32 * 1_000_000)
}

fn millis((seconds, nanos): (i64, u32)) -> UnixMs {
    UnixMs(seconds.saturating_mul(1000).saturating_add(i64::from(nanos / 1_000_000)))
}
