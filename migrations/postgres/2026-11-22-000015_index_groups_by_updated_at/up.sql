CREATE INDEX groups_updated_at ON groups (tenant_id, updated_at, id);
