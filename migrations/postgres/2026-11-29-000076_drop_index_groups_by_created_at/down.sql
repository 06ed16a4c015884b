CREATE INDEX groups_created_at ON groups (tenant_id, created_at, id);
