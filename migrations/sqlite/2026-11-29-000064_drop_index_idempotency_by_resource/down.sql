CREATE INDEX idempotency_resource ON idempotency (tenant_id, resource_id);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('idempotency', 'idempotency_resource', '1000000 1000000 2');
