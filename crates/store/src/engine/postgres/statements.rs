//! Every statement of the engine, prepared once a session.
//!
//! All of them find rows by index, and arrays carry what belongs to many rows, so that a batch is one statement whatever its size.
//! `unnest` turns arrays into rows. Names have no schema: the session's `search_path` is ours alone.

use super::failure::Failure;
use futures_util::future::try_join_all;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

/// Milliseconds since 1970 by the server, as of the statement.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::int8"
    };
}

/// Declares the struct of prepared statements, and how they are prepared.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident($($type:ident),*) = $sql:expr;)*) => {
        /// The statements of one session.
        pub(super) struct Statements { $($(#[$doc])* pub $name: Statement,)* }

        impl Statements {
            /// Prepares all of them in one round trip.
            pub async fn prepare(client: &Client) -> Result<Statements, Failure> {
                let texts: &[(&str, &[Type])] = &[$(($sql, &[$(Type::$type),*])),*];
                let all = texts.iter().map(|(sql, types)| client.prepare_typed(sql, types));
                let mut all = try_join_all(all).await?.into_iter();
                $(let $name = all.next().ok_or_else(|| Failure::silent("a statement is missing"))?;)*
                Ok(Statements { $($name),* })
            }
        }
    };
}

statements! {
    begin() = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    commit() = "COMMIT";

    /// Gates of collections, shared, and locks of records, in the order given. What comes after it in the transaction has a snapshot
    /// of its own and sees what the holders before it did.
    lock(INT4, INT4_ARRAY, INT8_ARRAY) =
        "SELECT (SELECT count(pg_advisory_xact_lock_shared($1, gate)::text) FROM unnest($2) AS gate),
                (SELECT count(pg_advisory_xact_lock(record)::text) FROM unnest($3) AS record)";
    /// Takes those of the locks that nobody holds, and says which.
    try_lock(INT8_ARRAY) =
        "SELECT record FROM unnest($1) AS record WHERE pg_try_advisory_xact_lock(record)";
    /// The time, a block of versions, which collections there are, which of them are watched, and the layouts of all of them in the order of the first.
    look(INT4_ARRAY) = concat!("SELECT ", now!(), ", nextval('version'),
        ARRAY(SELECT id FROM collection WHERE id = ANY($1) ORDER BY id),
        ARRAY(SELECT id FROM collection WHERE id = ANY($1) AND retention_ms > 0),
        ARRAY(SELECT layout FROM collection WHERE id = ANY($1) ORDER BY id)");
    /// Items by their keys, each with its place among them and the time.
    items(INT4_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY) =
        "SELECT k.n, (extract(epoch FROM statement_timestamp()) * 1000)::int8,
                i.value, i.blob, i.size, i.version, i.updated, i.expires
           FROM unnest($1, $2, $3) WITH ORDINALITY AS k (collection, record, key, n)
           JOIN item i USING (collection, record, key)";
    tokens(INT8_ARRAY, BYTEA_ARRAY) =
        "SELECT t.time, t.nonce, t.version FROM unnest($1, $2) AS k (time, nonce) JOIN token t USING (time, nonce)";
    /// Those of the blobs that are there: that no item refers to yet, and upkeep passes over them until the transaction ends; or that an item has
    /// already, which may be put again as it is.
    hold_blobs(INT8_ARRAY) =
        "WITH loose AS MATERIALIZED (SELECT blob FROM loose WHERE blob = ANY($1) FOR UPDATE)
         SELECT blob FROM loose UNION ALL SELECT blob FROM item WHERE blob = ANY($1)";

    put(INT4_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY) =
        "INSERT INTO item (collection, record, key, value, blob, size, version, updated, expires)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (collection, record, key) DO UPDATE SET value = EXCLUDED.value, blob = EXCLUDED.blob, size = EXCLUDED.size,
            version = EXCLUDED.version, updated = EXCLUDED.updated, expires = EXCLUDED.expires";
    remove(INT4_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY) =
        "DELETE FROM item i USING unnest($1, $2, $3) AS k (collection, record, key)
          WHERE i.collection = k.collection AND i.record = k.record AND i.key = k.key";
    /// Rows that are removed if they have this value.
    release(INT4_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY) =
        "DELETE FROM item i USING unnest($1, $2, $3, $4) AS k (collection, record, key, value)
          WHERE i.collection = k.collection AND i.record = k.record AND i.key = k.key AND i.value = k.value";
    /// The transaction has its id only from here on, after its locks: so ids grow with each record's changes.
    log(INT8, INT8, INT4_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT8_ARRAY, BOOL_ARRAY, BYTEA_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY) =
        "INSERT INTO change (place, made, collection, record, key, version, gone, value, blob, size, expires)
         SELECT ((SELECT pg_current_xact_id()::text::int8 + $1) << 20) | (n - 1), $2,
                collection, record, key, version, gone, value, blob, size, expires
           FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
             AS k (collection, record, key, version, gone, value, blob, size, expires, n)";
    keep_tokens(INT8_ARRAY, BYTEA_ARRAY, INT8_ARRAY, INT8) =
        "INSERT INTO token (time, nonce, version, stored)
         SELECT time, nonce, version, $4 FROM unnest($1, $2, $3) AS k (time, nonce, version)";
    attach(INT8_ARRAY) = "DELETE FROM loose WHERE blob = ANY($1)";

    /// A page forwards: of the rows of the range as many as were asked for and one more; of them those before whose end there is room
    /// for bytes. The length of a long value is known without reading it.
    scan(INT4, BYTEA, BYTEA, INT4, BYTEA, BYTEA, INT8, INT8) =
        "SELECT record, key, value, blob, size, version, updated, expires, found FROM (
            SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY collection, record, key) AS n,
                   sum(weight) OVER (ORDER BY collection, record, key) - weight AS before
              FROM (SELECT collection, record, key, value, blob, size, version, updated, expires,
                           octet_length(record) + octet_length(key) + coalesce(octet_length(value), 0) AS weight
                      FROM item
                     WHERE (collection, record, key) >= ($1, $2, $3) AND (collection, record, key) < ($4, $5, $6)
                       AND (expires IS NULL OR expires > (extract(epoch FROM statement_timestamp()) * 1000)::int8)
                     ORDER BY collection, record, key LIMIT $7 + 1) AS range) AS weighed
          WHERE n = 1 OR (n <= $7 AND before < $8) ORDER BY collection, record, key";
    /// The same backwards.
    scan_back(INT4, BYTEA, BYTEA, INT4, BYTEA, BYTEA, INT8, INT8) =
        "SELECT record, key, value, blob, size, version, updated, expires, found FROM (
            SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY collection DESC, record DESC, key DESC) AS n,
                   sum(weight) OVER (ORDER BY collection DESC, record DESC, key DESC) - weight AS before
              FROM (SELECT collection, record, key, value, blob, size, version, updated, expires,
                           octet_length(record) + octet_length(key) + coalesce(octet_length(value), 0) AS weight
                      FROM item
                     WHERE (collection, record, key) >= ($1, $2, $3) AND (collection, record, key) < ($4, $5, $6)
                       AND (expires IS NULL OR expires > (extract(epoch FROM statement_timestamp()) * 1000)::int8)
                     ORDER BY collection DESC, record DESC, key DESC LIMIT $7 + 1) AS range) AS weighed
          WHERE n = 1 OR (n <= $7 AND before < $8) ORDER BY collection DESC, record DESC, key DESC";

    /// A page by an index, forwards: of the entries of the range as many as were asked for and one more, and the item that each is of. An entry
    /// ends with the length of the record's id.
    by_index(INT4, BYTEA, BYTEA, INT4, BYTEA, BYTEA, INT8, INT8, INT4) =
        "SELECT record, key, value, blob, size, version, updated, expires, found FROM (
            SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY entry_record, entry_key) AS n,
                   sum(weight) OVER (ORDER BY entry_record, entry_key) - weight AS before
              FROM (SELECT e.entry_record, e.entry_key, i.*
                      FROM (SELECT record AS entry_record, key AS entry_key, value AS place,
                                   get_byte(value, octet_length(value) - 2) * 256 + get_byte(value, octet_length(value) - 1) AS length
                              FROM item
                             WHERE (collection, record, key) >= ($1, $2, $3) AND (collection, record, key) < ($4, $5, $6)
                               AND (expires IS NULL OR expires > (extract(epoch FROM statement_timestamp()) * 1000)::int8)
                             ORDER BY collection, record, key LIMIT $7 + 1) AS e
                     CROSS JOIN LATERAL (
                           SELECT record, key, value, blob, size, version, updated, expires,
                                  octet_length(record) + octet_length(key) + coalesce(octet_length(value), 0) AS weight
                             FROM item
                            WHERE collection = $9 AND record = substr(e.place, 1, e.length)
                              AND key = substr(e.place, e.length + 1, octet_length(e.place) - 2 - e.length)
                              AND (expires IS NULL OR expires > (extract(epoch FROM statement_timestamp()) * 1000)::int8)
                            LIMIT 1) AS i) AS range) AS weighed
          WHERE n = 1 OR (n <= $7 AND before < $8) ORDER BY entry_record, entry_key";
    /// The same backwards.
    by_index_back(INT4, BYTEA, BYTEA, INT4, BYTEA, BYTEA, INT8, INT8, INT4) =
        "SELECT record, key, value, blob, size, version, updated, expires, found FROM (
            SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY entry_record DESC, entry_key DESC) AS n,
                   sum(weight) OVER (ORDER BY entry_record DESC, entry_key DESC) - weight AS before
              FROM (SELECT e.entry_record, e.entry_key, i.*
                      FROM (SELECT record AS entry_record, key AS entry_key, value AS place,
                                   get_byte(value, octet_length(value) - 2) * 256 + get_byte(value, octet_length(value) - 1) AS length
                              FROM item
                             WHERE (collection, record, key) >= ($1, $2, $3) AND (collection, record, key) < ($4, $5, $6)
                               AND (expires IS NULL OR expires > (extract(epoch FROM statement_timestamp()) * 1000)::int8)
                             ORDER BY collection DESC, record DESC, key DESC LIMIT $7 + 1) AS e
                     CROSS JOIN LATERAL (
                           SELECT record, key, value, blob, size, version, updated, expires,
                                  octet_length(record) + octet_length(key) + coalesce(octet_length(value), 0) AS weight
                             FROM item
                            WHERE collection = $9 AND record = substr(e.place, 1, e.length)
                              AND key = substr(e.place, e.length + 1, octet_length(e.place) - 2 - e.length)
                              AND (expires IS NULL OR expires > (extract(epoch FROM statement_timestamp()) * 1000)::int8)
                            LIMIT 1) AS i) AS range) AS weighed
          WHERE n = 1 OR (n <= $7 AND before < $8) ORDER BY entry_record DESC, entry_key DESC";

    /// Changes after a place and below the oldest transaction that is still open, so that none can come in between later. One row at least where
    /// there is the collection: how far the log is settled, what was forgotten, how many transactions hold it back.
    feed(INT4, INT8, INT8, INT8, INT8) =
        "SELECT s.settled, s.forgotten, s.held, c.place, c.made, c.record, c.key, c.version, c.gone, c.value, c.blob, c.size, c.expires, c.found
           FROM (SELECT forgotten, (pg_snapshot_xmin(pg_current_snapshot())::text::int8 + $3) << 20 AS settled,
                        pg_snapshot_xmax(pg_current_snapshot())::text::int8 - pg_snapshot_xmin(pg_current_snapshot())::text::int8 AS held
                   FROM collection WHERE id = $1) AS s
           LEFT JOIN LATERAL (
                SELECT * FROM (
                    SELECT *, count(*) OVER () AS found,
                           sum(coalesce(octet_length(value), 0)) OVER (ORDER BY place) - coalesce(octet_length(value), 0) AS before
                      FROM (SELECT place, made, record, key, version, gone, value, blob, size, expires FROM change
                             WHERE collection = $1 AND place > $2 AND place < s.settled ORDER BY place LIMIT $4) AS range) AS weighed
                 WHERE before < $5) AS c ON true
          ORDER BY c.place";

    chunk(INT8, INT4) = "SELECT data FROM chunk WHERE blob = $1 AND number = $2";
    loose(INT8) = concat!("INSERT INTO loose (blob, since) VALUES ($1, ", now!(), ")
        ON CONFLICT (blob) DO UPDATE SET since = EXCLUDED.since");
    stage(INT8, INT4, BYTEA) =
        "INSERT INTO chunk (blob, number, data) VALUES ($1, $2, $3) ON CONFLICT (blob, number) DO UPDATE SET data = EXCLUDED.data";
}
