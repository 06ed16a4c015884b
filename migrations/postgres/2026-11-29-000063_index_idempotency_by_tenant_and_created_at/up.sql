-- An erasure searches the tenant's stored responses in the order of their creation.
CREATE INDEX idempotency_tenant_created_at ON idempotency (tenant_id, created_at);
