CREATE INDEX changes_resource ON changes (tenant_id, resource_id, revision);
