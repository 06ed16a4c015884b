CREATE INDEX users_display_name ON users (tenant_id, display_name_key, id);
