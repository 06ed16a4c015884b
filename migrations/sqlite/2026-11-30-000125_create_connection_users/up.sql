-- Users that belong to a connection although they have no externalId of it, by the source of the connection's externalIds: those
-- that it has created without one, and those whose externalId it has removed. The others are in `user_external_ids`.
CREATE TABLE connection_users (
    tenant_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    source_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, user_id, source_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('connection_users', 'connection_users', '1000000 1000000 1 1');
