-- Tenants that required unique group names before `unique_values` was added.
UPDATE heads SET unique_values = true WHERE tenant_id IN (SELECT id FROM tenants WHERE unique_group_names);
