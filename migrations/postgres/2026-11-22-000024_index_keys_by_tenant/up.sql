CREATE INDEX keys_tenant ON keys (tenant_id, id);
