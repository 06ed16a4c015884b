INSERT INTO tenants (id, name, unique_group_names, version, created_at, updated_at)
SELECT '00000000-0000-7000-8000-000000000001', 'default', false, 1, t, t
FROM (SELECT CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) * 1000000 AS bigint) AS t) AS now;
INSERT INTO heads (tenant_id, epoch, revision, users, groups)
SELECT id, gen_random_uuid(), 0, 0, 0 FROM tenants WHERE name = 'default';
