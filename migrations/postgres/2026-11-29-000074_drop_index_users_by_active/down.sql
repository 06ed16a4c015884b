CREATE INDEX users_active ON users (tenant_id, active, id);
