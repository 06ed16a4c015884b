CREATE INDEX users_created_at ON users (tenant_id, created_at, id);
