CREATE INDEX users_created_at ON users (tenant_id, created_at, id);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('users', 'users_created_at', '1000000 1000000 1 1');
