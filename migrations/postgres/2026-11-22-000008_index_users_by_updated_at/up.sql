CREATE INDEX users_updated_at ON users (tenant_id, updated_at, id);
