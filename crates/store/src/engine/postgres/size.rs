//! How much a collection holds: counted where it is small, estimated where counting would read too much.

use super::failure::Failure;
use super::rows::{collection, column};
use super::session::Work;
use crate::engine::{EngineError, Size};
use crate::name::CollectionId;
use tokio_postgres::SimpleQueryMessage;

/// Items up to which all are counted. Beyond it, these stand for the rest, and the planner's statistics say how many there are.
const COUNTED: i64 = 50_000;

/// See the module.
pub(super) async fn of(session: Work, id: CollectionId) -> Result<Size, Failure> {
    let number = collection(id)?;
    let row = session.within(session.client.query_one(COUNT, &[&number, &COUNTED])).await?;
    let count = |place| Ok::<_, Failure>(column::<i64>(&row, place)?.cast_unsigned());
    let counted = Size { items: count(0)?, records: count(1)?, bytes: count(2)? };
    if counted.items < COUNTED.cast_unsigned() {
        return Ok(counted);
    }
    let explain = format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM item WHERE collection = {number}");
    let said = session.within(session.client.simple_query(&explain)).await?;
    let said = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let items = said.and_then(plan_rows).ok_or_else(|| {
        Failure::refused(EngineError::Broken("the server's plan says no number of rows".into()))
    })?;
    Ok(scaled(counted, items))
}

const COUNT: &str = "SELECT count(*), count(DISTINCT record), coalesce(sum(weight), 0)::int8 FROM (
    SELECT record, octet_length(record) + octet_length(key) + coalesce(octet_length(value), size, 0) AS weight
      FROM item WHERE collection = $1::int4 ORDER BY record, key LIMIT $2::int8) AS first";

/// The rows that the planner expects, out of its plan as JSON.
fn plan_rows(plan: &str) -> Option<u64> {
    let (_, after) = plan.split_once("\"Plan Rows\":")?;
    let digits = after.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// What `items` items hold if they are like the counted ones; never less than was counted.
fn scaled(counted: Size, items: u64) -> Size {
    let items = items.max(counted.items);
    let scale = |part: u64| {
        let scaled = u128::from(part) * u128::from(items) / u128::from(counted.items.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    Size { records: scale(counted.records), items, bytes: scale(counted.bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_its_rows_and_the_rest_is_scaled() {
        let plan =
            r#"[ { "Plan": { "Node Type": "Index Only Scan", "Plan Rows": 1234, "Plan Width": 4 } } ]"#;
        assert_eq!(plan_rows(plan), Some(1234));
        assert_eq!(plan_rows("[]"), None);
        let counted = Size { records: 10, items: 100, bytes: 5000 };
        assert_eq!(scaled(counted, 1000), Size { records: 100, items: 1000, bytes: 50_000 });
        assert_eq!(scaled(counted, 7), counted);
    }
}
