-- The newest revision of each tenant, its counters, and the name of its history. The row is the lock that
-- orders commits, so no foreign key points at it (a referencing insert would lock it too).
CREATE TABLE heads (
    tenant_id BLOB PRIMARY KEY NOT NULL,
    epoch BLOB NOT NULL,
    revision INTEGER NOT NULL,
    users INTEGER NOT NULL,
    groups INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
