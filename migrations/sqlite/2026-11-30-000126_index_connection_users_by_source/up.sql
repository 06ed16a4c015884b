-- The brake counts the users of a connection.
CREATE INDEX connection_users_source ON connection_users (tenant_id, source_id, user_id);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('connection_users', 'connection_users_source', '1000000 1000000 1000 1');
