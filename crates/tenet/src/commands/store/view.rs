//! `tenet store get`, `scan`, `describe`: looking at what is kept. Each look is noted, with who looked and at what.

use super::args::{DescribeArgs, GetArgs, ScanArgs};
use super::export::{lines, range, read};
use super::failed;
use super::progress::amount;
use super::reach::{Purpose, Reached};
use super::schemas::{Schemas, record};
use crate::cli::Failed;
use tenet_store::operator::{Described, Order, RangeOrder};

/// Prints records by their keys.
pub async fn get(args: &GetArgs) -> Result<(), Failed> {
    let (namespace, collection) = names(&args.of)?;
    let reached = Reached::at(&args.at, Purpose::Look).await?;
    let schemas = Schemas::of(reached.release())?;
    let mut missing = Vec::new();
    for key in &args.keys {
        let id = record(schemas.get(namespace, collection), key)?;
        let after = tenet_store::name::next(&id);
        let range = RangeOrder {
            namespace: namespace.to_owned(),
            collection: collection.to_owned(),
            from: Some((id, Vec::new())),
            to: Some((after, Vec::new())),
        };
        let mut wire =
            reached.ask(&read("get", format!("{} {key}", args.of), Some(vec![range]), None)).await?;
        if lines(&mut wire, &schemas, std::io::stdout().lock(), false).await? == 0 {
            missing.push(key.as_str());
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Failed(format!("error: not there: {}", missing.join(", ")))) }
}

/// Prints records in order.
pub async fn scan(args: &ScanArgs) -> Result<(), Failed> {
    let (namespace, collection) = names(&args.of)?;
    let reached = Reached::at(&args.at, Purpose::Look).await?;
    let schemas = Schemas::of(reached.release())?;
    let range = range(&schemas, namespace, collection, &args.range)?;
    let mut what = args.of.clone();
    for (flag, text) in
        [("--prefix", &args.range.prefix), ("--from", &args.range.from), ("--to", &args.range.to)]
    {
        if let Some(text) = text {
            what.push_str(&format!(" {flag} {text}"));
        }
    }
    let mut wire = reached.ask(&read("scan", what, Some(vec![range]), Some(args.limit))).await?;
    let found = lines(&mut wire, &schemas, std::io::stdout().lock(), false).await?;
    if found == args.limit {
        eprintln!("there may be more than these {found}; --limit shows more, `tenet store export` all");
    }
    Ok(())
}

/// Prints collections.
pub async fn describe(args: &DescribeArgs) -> Result<(), Failed> {
    let reached = Reached::at(&args.at, Purpose::Look).await?;
    let schemas = Schemas::of(reached.release())?;
    let described = described(&reached).await?;
    println!(
        "engine {} · version {} · {} collections",
        described.engine,
        described.version,
        described.collections.len()
    );
    for found in &described.collections {
        let of = &found.of;
        let schema = match schemas.get(&of.namespace, &of.name) {
            None => "no schema in the release".to_owned(),
            Some(typed) => {
                let names = |fields: &[tenet_collection::KeyField]| {
                    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
                };
                let (record, item) = (names(typed.schema.record()), names(typed.schema.item()));
                let item = if item.is_empty() { item } else { format!(" item ({item})") };
                format!("{} by ({record}){item}", typed.schema.message)
            }
        };
        println!(
            "{}/{}: {} records, {} items, {} · {schema}",
            of.namespace,
            of.name,
            found.records,
            found.items,
            amount(found.bytes)
        );
    }
    Ok(())
}

/// Which collections there are.
pub(super) async fn described(reached: &Reached) -> Result<Described, Failed> {
    let mut wire = reached.ask(&Order::Describe).await?;
    let frame = wire.receive().await.map_err(|error| failed(&error))?;
    serde_json::from_slice(&frame.payload).map_err(|error| Failed::while_doing("the answer", &error))
}

fn names(of: &str) -> Result<(&str, &str), Failed> {
    of.split_once('/')
        .ok_or_else(|| Failed(format!("error: {of:?} names no collection, expected NAMESPACE/COLLECTION")))
}
