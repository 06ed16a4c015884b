CREATE INDEX idempotency_resource ON idempotency (tenant_id, resource_id);
