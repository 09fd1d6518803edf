-- Version 2 of the schema: which indexes the items of a collection are entered in. 0: none.
ALTER TABLE collection ADD COLUMN layout int8 NOT NULL DEFAULT 0;
