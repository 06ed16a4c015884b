CREATE INDEX users_active ON users (tenant_id, active, id);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('users', 'users_active', '1000000 1000000 500000 1');
