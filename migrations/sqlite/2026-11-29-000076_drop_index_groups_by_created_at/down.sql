CREATE INDEX groups_created_at ON groups (tenant_id, created_at, id);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('groups', 'groups_created_at', '100000 100000 1 1');
