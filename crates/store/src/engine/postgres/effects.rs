//! What a transaction writes, as columns of arrays.

use super::failure::Failure;
use super::rows::{Keys, Values, version};
use crate::decide::{Change, Effects};
use crate::engine::EngineError;
use crate::item::{Item, Value};
use crate::name::ItemKey;
use std::collections::HashSet;

/// What is written, as columns.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub attached: Vec<i64>,
    pub put: Put<'a>,
    pub remove: Keys<'a>,
    pub released: Released<'a>,
    pub log: Log<'a>,
    pub tokens: Tokens,
}

/// Items that are there afterwards.
#[derive(Default)]
pub(super) struct Put<'a> {
    pub keys: Keys<'a>,
    pub values: Values<'a>,
    pub versions: Vec<i64>,
    pub updated: Vec<i64>,
}

/// Rows that go if they have these values.
#[derive(Default)]
pub(super) struct Released<'a> {
    pub keys: Keys<'a>,
    pub values: Vec<&'a [u8]>,
}

/// Changes for those who follow.
#[derive(Default)]
pub(super) struct Log<'a> {
    pub keys: Keys<'a>,
    pub values: Values<'a>,
    pub versions: Vec<i64>,
    pub gone: Vec<bool>,
}

/// Tokens and their answers.
#[derive(Default)]
pub(super) struct Tokens {
    pub times: Vec<i64>,
    pub nonces: Vec<[u8; 16]>,
    pub versions: Vec<i64>,
}

impl<'a> Rows<'a> {
    /// None: there is nothing to write.
    pub fn of(effects: &'a Effects, blobs: &HashSet<u64>) -> Result<Option<Rows<'a>>, Failure> {
        let mut rows = Rows::default();
        for (key, item) in &effects.items {
            match item {
                Some(item) => rows.put(key, item, blobs)?,
                None => rows.remove.push(key)?,
            }
        }
        for change in &effects.changes {
            rows.log(change)?;
        }
        for (key, value) in &effects.released {
            rows.released.keys.push(key)?;
            rows.released.values.push(value);
        }
        for (token, given) in &effects.tokens {
            rows.tokens.times.push(token.time.0);
            rows.tokens.nonces.push(token.nonce.to_be_bytes());
            rows.tokens.versions.push(version(*given));
        }
        Ok((!effects.is_empty()).then_some(rows))
    }

    fn put(&mut self, key: &'a ItemKey, item: &'a Item, blobs: &HashSet<u64>) -> Result<(), Failure> {
        if let Value::Chunked { blob, .. } = item.value {
            if !blobs.contains(&blob) {
                let text =
                    format!("the chunks of value {blob:#x} were never staged, or were given up by now");
                return Err(Failure::refused(EngineError::Broken(text)));
            }
            self.attached.push(blob.cast_signed());
        }
        self.put.keys.push(key)?;
        self.put.values.push(Some(item));
        self.put.versions.push(version(item.version));
        self.put.updated.push(item.updated.0);
        Ok(())
    }

    fn log(&mut self, change: &'a Change) -> Result<(), Failure> {
        self.log.keys.push(&change.item)?;
        self.log.values.push(change.now.as_ref());
        self.log.versions.push(version(change.version));
        self.log.gone.push(change.now.is_none());
        Ok(())
    }
}
