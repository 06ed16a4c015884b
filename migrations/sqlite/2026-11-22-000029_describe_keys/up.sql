-- SQLite has statistics only after an ANALYZE of real data. Without them, it considers a condition on the tenant as
-- selective as one on tenant and user, and a delete reads all members of a tenant. These rows describe the selectivity of
-- each index once (number of rows, then rows per prefix): the tenant column selects almost nothing, the columns after it
-- almost everything. Plans are then the same in every database and do not change over time.
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('tenants', 'sqlite_autoindex_tenants_1', '1000 1'),
    ('tenants', 'sqlite_autoindex_tenants_2', '1000 1'),
    ('heads', 'heads', '1000 1'),
    ('users', 'sqlite_autoindex_users_1', '1000000 1000000 1'),
    ('users', 'sqlite_autoindex_users_2', '1000000 1000000 1'),
    ('users', 'users_display_name', '1000000 1000000 2 1'),
    ('users', 'users_active', '1000000 1000000 500000 1'),
    ('users', 'users_created_at', '1000000 1000000 1 1'),
    ('users', 'users_updated_at', '1000000 1000000 1 1'),
    ('user_emails', 'user_emails', '1000000 1000000 2 1'),
    ('user_emails', 'user_emails_value', '1000000 1000000 2 1'),
    ('user_external_ids', 'user_external_ids', '1000000 1000000 1000000 1'),
    ('user_external_ids', 'sqlite_autoindex_user_external_ids_2', '1000000 1000000 2 1'),
    ('groups', 'sqlite_autoindex_groups_1', '100000 100000 1'),
    ('groups', 'sqlite_autoindex_groups_2', '100000 100000 1'),
    ('groups', 'groups_display_name', '100000 100000 2 1'),
    ('groups', 'groups_created_at', '100000 100000 1 1'),
    ('groups', 'groups_updated_at', '100000 100000 1 1'),
    ('group_external_ids', 'group_external_ids', '100000 100000 100000 1'),
    ('group_external_ids', 'sqlite_autoindex_group_external_ids_2', '100000 100000 2 1'),
    ('members', 'members', '10000000 10000000 1000 1'),
    ('members', 'members_user', '10000000 10000000 20 1'),
    ('changes', 'sqlite_autoindex_changes_1', '10000000 10000000 1'),
    ('changes', 'changes_resource', '10000000 10000000 10 1'),
    ('changes', 'changes_member', '10000000 10000000 20 1'),
    ('changes', 'changes_time', '10000000 2'),
    ('keys', 'sqlite_autoindex_keys_1', '1000 1'),
    ('keys', 'keys_tenant', '1000 1000 1'),
    ('idempotency', 'sqlite_autoindex_idempotency_1', '1000000 1000000 100000 100000 100000 1'),
    ('idempotency', 'idempotency_resource', '1000000 1000000 2'),
    ('idempotency', 'idempotency_created_at', '1000000 2');
