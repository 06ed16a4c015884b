INSERT INTO tenants (id, name, unique_group_names, version, created_at, updated_at)
SELECT x'00000000000070008000000000000001', 'default', 0, 1, t, t
FROM (SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS t);
INSERT INTO heads (tenant_id, epoch, revision, users, groups)
SELECT id, randomblob(16), 0, 0, 0 FROM tenants WHERE name = 'default';
