CREATE INDEX groups_display_name ON groups (tenant_id, display_name_key, id);
