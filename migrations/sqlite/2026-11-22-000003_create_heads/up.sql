-- The latest revision, counters and epoch of each tenant. A lock on the row orders commits, so no foreign key references
-- the table: a referencing insert would lock the row as well.
CREATE TABLE heads (
    tenant_id BLOB PRIMARY KEY NOT NULL,
    epoch BLOB NOT NULL,
    revision INTEGER NOT NULL,
    users INTEGER NOT NULL,
    groups INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
