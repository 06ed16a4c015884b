-- An erasure searches the tenant's stored responses in the order of their creation.
CREATE INDEX idempotency_tenant_created_at ON idempotency (tenant_id, created_at);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('idempotency', 'idempotency_tenant_created_at', '1000000 1000000 2');
