-- The deactivations and deletions by connections. `number` is the running total of the connection's removals, and `deleted_users`
-- that of its users that it has deleted. The difference of two rows is therefore the total of a period.
-- `counted_users` is the number of the connection's users, with those deleted within the period, when they were last counted, at
-- `counted_at`.
CREATE TABLE connection_removals (
    tenant_id BLOB NOT NULL,
    connection_id BLOB NOT NULL,
    time INTEGER NOT NULL,
    number INTEGER NOT NULL,
    deleted_users INTEGER NOT NULL,
    counted_users INTEGER,
    counted_at INTEGER,
    PRIMARY KEY (tenant_id, connection_id, time)
) STRICT, WITHOUT ROWID;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('connection_removals', 'connection_removals', '1000000 1000000 1000 1');
