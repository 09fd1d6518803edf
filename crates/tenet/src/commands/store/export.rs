//! `tenet store export`: items as lines of JSON, as they are at one moment.

use super::args::{ExportArgs, Range};
use super::line::Line;
use super::progress::Progress;
use super::reach::{Purpose, Reached, head};
use super::schemas::{MOST_JSON, Schemas, beginning, behind};
use super::{bad, failed};
use crate::cli::Failed;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use tenet_store::backup::{Kind, decode_rows};
use tenet_store::engine::Row;
use tenet_store::item::{Item, Value};
use tenet_store::name::{CollectionId, ItemKey};
use tenet_store::operator::{Order, RangeOrder, ReadOrder, Wire};

/// What is kept is for whoever may read the store: a file that is made is its owner's.
const MODE: u32 = 0o600;

/// Does it.
pub async fn run(args: &ExportArgs) -> Result<(), Failed> {
    let reached = Reached::at(&args.at, Purpose::Look).await?;
    let schemas = Schemas::of(reached.release())?;
    let ranges = ranges(&reached, &schemas, args).await?;
    let what = if args.of.is_empty() { "everything".to_owned() } else { args.of.join(" ") };
    let mut wire = reached.ask(&read("export", what, ranges, None)).await?;
    match &args.output {
        None => lines(&mut wire, &schemas, std::io::stdout().lock(), true).await.map(drop),
        Some(path) => {
            let failed = |error: std::io::Error| {
                Failed::while_doing(&format!("cannot write {}", path.display()), &error)
            };
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true).mode(MODE);
            let file = options.open(path).map_err(failed)?;
            let out = BufWriter::new(file.try_clone().map_err(failed)?);
            lines(&mut wire, &schemas, out, true).await?;
            file.sync_all().map_err(failed)
        }
    }
}

/// An order to read items.
pub(super) fn read(
    purpose: &str,
    what: String,
    ranges: Option<Vec<RangeOrder>>,
    limit: Option<u64>,
) -> Order {
    Order::Read(ReadOrder { purpose: purpose.to_owned(), what, ranges, limit })
}

/// What was asked for. None: everything.
async fn ranges(
    reached: &Reached,
    schemas: &Schemas,
    args: &ExportArgs,
) -> Result<Option<Vec<RangeOrder>>, Failed> {
    let bounded = args.range.prefix.is_some() || args.range.from.is_some() || args.range.to.is_some();
    if args.of.is_empty() {
        return if bounded { Err(one_collection()) } else { Ok(None) };
    }
    if bounded && (args.of.len() != 1 || !args.of[0].contains('/')) {
        return Err(one_collection());
    }
    let mut ranges = Vec::new();
    for of in &args.of {
        match of.split_once('/') {
            Some((namespace, collection)) => ranges.push(range(schemas, namespace, collection, &args.range)?),
            None => {
                let described = super::view::described(reached).await?;
                let before = ranges.len();
                let own = described.collections.iter().filter(|found| found.of.namespace == *of);
                ranges.extend(own.map(|found| RangeOrder {
                    namespace: of.clone(),
                    collection: found.of.name.clone(),
                    from: None,
                    to: None,
                }));
                if ranges.len() == before {
                    return Err(Failed(format!("error: nothing is kept in a namespace {of:?}")));
                }
            }
        }
    }
    Ok(Some(ranges))
}

fn one_collection() -> Failed {
    Failed("error: --prefix, --from and --to are of the keys of one NAMESPACE/COLLECTION".into())
}

/// The records of a collection that a range means.
pub(super) fn range(
    schemas: &Schemas,
    namespace: &str,
    collection: &str,
    range: &Range,
) -> Result<RangeOrder, Failed> {
    let typed = schemas.get(namespace, collection);
    let key = |text: &Option<String>| text.as_ref().map(|text| beginning(typed, text)).transpose();
    let (mut from, mut to) = (key(&range.from)?, key(&range.to)?);
    if let Some(prefix) = key(&range.prefix)? {
        to = behind(&prefix);
        from = Some(prefix);
    }
    let bound = |record: Option<Vec<u8>>| record.map(|record| (record, Vec::new()));
    let (namespace, collection) = (namespace.to_owned(), collection.to_owned());
    Ok(RangeOrder { namespace, collection, from: bound(from), to: bound(to) })
}

/// Writes what comes; how many items it was.
pub(super) async fn lines(
    wire: &mut Wire,
    schemas: &Schemas,
    out: impl Write,
    said: bool,
) -> Result<u64, Failed> {
    let head = head(wire).await?;
    let names = head.collections().map_err(|error| bad(&error))?;
    let names: HashMap<CollectionId, (String, String)> = names
        .into_iter()
        .map(|(id, of)| (id, (of.name.namespace.to_string(), of.name.collection.to_string())))
        .collect();
    let mut writer = Lines { schemas, names, out, long: None, items: 0, bytes: 0 };
    let mut progress = Progress::new("exported", head.rows);
    loop {
        let frame = wire.receive().await.map_err(|error| failed(&error))?;
        if frame.kind != Kind::Part {
            break;
        }
        for row in decode_rows(&frame.payload).map_err(Failed)? {
            writer.row(row)?;
        }
        if said {
            progress.at(writer.items, writer.items, writer.bytes);
        }
    }
    writer.out.flush().map_err(|error| cannot_write(&error))?;
    if said {
        progress.end(writer.items, writer.bytes);
    }
    Ok(writer.items)
}

struct Lines<'a, W> {
    schemas: &'a Schemas,
    names: HashMap<CollectionId, (String, String)>,
    out: W,
    /// An item whose chunks come.
    long: Option<(ItemKey, Item, Vec<u8>)>,
    items: u64,
    bytes: u64,
}

impl<W: Write> Lines<'_, W> {
    fn row(&mut self, row: Row) -> Result<(), Failed> {
        match row {
            Row::Item(key, item) => match &item.value {
                Value::Inline(bytes) => {
                    let bytes = bytes.clone();
                    self.line(&key, &item, &bytes)
                }
                Value::Chunked { size, .. } if *size > MOST_JSON as u64 => Err(Failed(format!(
                    "error: a value of {size} bytes is too long for a line (at most {MOST_JSON})\n  hint: a backup has values of any size"
                ))),
                Value::Chunked { .. } => {
                    self.long = Some((key, item, Vec::new()));
                    Ok(())
                }
            },
            Row::Chunk { data, .. } => {
                let Some((key, item, mut value)) = self.long.take() else { return Ok(()) };
                value.extend_from_slice(&data);
                if (value.len() as u64) < item.value.size() {
                    self.long = Some((key, item, value));
                    return Ok(());
                }
                self.line(&key, &item, &value)
            }
            Row::Token(..) => Ok(()),
        }
    }

    fn line(&mut self, key: &ItemKey, item: &Item, value: &[u8]) -> Result<(), Failed> {
        let (namespace, collection) = self
            .names
            .get(&key.record.collection)
            .ok_or_else(|| Failed("error: an item is of no collection".into()))?;
        let line = Line::of(self.schemas, (namespace, collection), key, item, value);
        serde_json::to_writer(&mut self.out, &line).map_err(|error| cannot_write(&error.into()))?;
        self.out.write_all(b"\n").map_err(|error| cannot_write(&error))?;
        self.items += 1;
        self.bytes += value.len() as u64;
        Ok(())
    }
}

fn cannot_write(error: &std::io::Error) -> Failed {
    Failed::while_doing("the lines cannot be written", error)
}
