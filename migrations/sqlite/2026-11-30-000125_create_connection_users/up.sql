-- The users that connections have created without an externalId, by the source of the connection's externalIds. Those that it
-- created with one are in `user_external_ids`.
CREATE TABLE connection_users (
    tenant_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    source_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('connection_users', 'connection_users', '1000000 1000000 1');
