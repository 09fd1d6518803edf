-- Version 1 of the schema. Runs in one transaction, with the schema first in search_path. Keys are bytea, so that they are in the
-- order of their bytes whatever the collation of the database is. Times are milliseconds since 1970 by the clock of the server.

-- One row: who owns this, how our sessions are told from others', and where the log of changes stands.
CREATE TABLE meta (
    one bool PRIMARY KEY DEFAULT true CHECK (one),
    -- What our sessions set as tenet.mark; a write without it is a foreign one. It guards against mistakes, it is no secret.
    mark uuid NOT NULL DEFAULT gen_random_uuid(),
    owner text,
    owner_id bytea,
    -- Of which cluster and timeline the transaction ids in the log are, and what is added to them.
    log_identity text NOT NULL DEFAULT '',
    log_offset int8 NOT NULL DEFAULT 0
);
INSERT INTO meta DEFAULT VALUES;

CREATE TABLE collection (
    id int4 PRIMARY KEY,
    namespace text NOT NULL,
    name text NOT NULL,
    retention_ms int8 NOT NULL,
    -- Up to here the log of its changes was forgotten.
    forgotten int8 NOT NULL DEFAULT 0,
    UNIQUE (namespace, name)
);

-- A step is a block of versions: one for every commit of a transaction.
CREATE SEQUENCE version AS int8 INCREMENT BY 1024 MINVALUE 1024 START WITH 1024 CACHE 1;

-- Room is left in each page, so that new versions of an item stay in it and touch no index.
CREATE TABLE item (
    collection int4 NOT NULL,
    record bytea NOT NULL,
    key bytea NOT NULL,
    value bytea,
    -- A longer value lies in chunks under this number.
    blob int8,
    size int8,
    version int8 NOT NULL,
    updated int8 NOT NULL,
    expires int8,
    PRIMARY KEY (collection, record, key)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX item_expires ON item (expires) WHERE expires IS NOT NULL;
CREATE INDEX item_blob ON item (blob) WHERE blob IS NOT NULL;
-- Values are not compressed here: those who send them know better what compresses, and the time is the owner's.
ALTER TABLE item ALTER COLUMN value SET STORAGE EXTERNAL;

CREATE TABLE token (
    time int8 NOT NULL,
    nonce bytea NOT NULL,
    version int8 NOT NULL,
    stored int8 NOT NULL,
    PRIMARY KEY (time, nonce)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX token_stored ON token (stored);

-- The log of changes. `place` is the transaction's id with an offset, shifted, and a number inside it.
CREATE TABLE change (
    collection int4 NOT NULL,
    place int8 NOT NULL,
    made int8 NOT NULL,
    record bytea NOT NULL,
    key bytea NOT NULL,
    version int8 NOT NULL,
    gone bool NOT NULL,
    value bytea,
    blob int8,
    size int8,
    expires int8,
    PRIMARY KEY (collection, place)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE change ALTER COLUMN value SET STORAGE EXTERNAL;

CREATE TABLE chunk (
    blob int8 NOT NULL,
    number int4 NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (blob, number)
);
ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL;

-- Blobs that no item refers to: not yet, since they were staged; or no longer, which is before all time: a blob belongs to one item, ever, so its chunks
-- are not waited for.
CREATE TABLE loose (
    blob int8 PRIMARY KEY,
    since int8 NOT NULL
);
CREATE INDEX loose_since ON loose (since);

CREATE FUNCTION loosen() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_catalog, pg_temp AS $body$
BEGIN
    INSERT INTO loose (blob, since) VALUES (OLD.blob, -9223372036854775808)
        ON CONFLICT (blob) DO UPDATE SET since = EXCLUDED.since;
    RETURN NULL;
END
$body$;
CREATE TRIGGER loosen_replaced AFTER UPDATE ON item FOR EACH ROW
    WHEN (OLD.blob IS NOT NULL AND OLD.blob IS DISTINCT FROM NEW.blob) EXECUTE FUNCTION loosen();
CREATE TRIGGER loosen_removed AFTER DELETE ON item FOR EACH ROW
    WHEN (OLD.blob IS NOT NULL) EXECUTE FUNCTION loosen();

-- Writes by sessions that are not ours, joined by session and table so that a loop of them is one row.
CREATE TABLE intruder (
    pid int4 NOT NULL,
    username text NOT NULL,
    target text NOT NULL,
    address text,
    application text,
    query text,
    writes int8 NOT NULL,
    first_seen int8 NOT NULL,
    last_seen int8 NOT NULL,
    PRIMARY KEY (pid, username, target)
);

CREATE FUNCTION note_intruder() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_catalog, pg_temp AS $body$
DECLARE
    now_ms int8 := (extract(epoch FROM clock_timestamp()) * 1000)::int8;
BEGIN
    INSERT INTO intruder AS known (pid, username, target, address, application, query, writes, first_seen, last_seen)
        VALUES (pg_backend_pid(), session_user, TG_TABLE_NAME, host(inet_client_addr()),
            current_setting('application_name', true), left(current_query(), 1024), 1, now_ms, now_ms)
        ON CONFLICT (pid, username, target) DO UPDATE SET address = EXCLUDED.address, application = EXCLUDED.application,
            query = EXCLUDED.query, writes = known.writes + 1, last_seen = EXCLUDED.last_seen;
    RETURN NULL;
END
$body$;

-- The condition is looked at once a statement and costs our own writes next to nothing. ALWAYS: also in sessions that replay for replication.
DO $body$
DECLARE
    target text;
    ours text := (SELECT mark FROM meta);
BEGIN
    FOREACH target IN ARRAY ARRAY['meta', 'collection', 'item', 'token', 'change', 'chunk', 'loose'] LOOP
        EXECUTE format('CREATE TRIGGER intruder AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT '
            'WHEN (current_setting(''tenet.mark'', true) IS DISTINCT FROM %L) EXECUTE FUNCTION note_intruder()', target, ours);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER intruder', target);
    END LOOP;
END
$body$;
