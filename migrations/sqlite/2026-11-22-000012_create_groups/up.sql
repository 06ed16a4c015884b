-- `unique_name_key` is set if the tenant requires unique group names.
CREATE TABLE groups (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    display_name TEXT NOT NULL,
    display_name_key TEXT NOT NULL,
    unique_name_key TEXT,
    document TEXT NOT NULL,
    folded TEXT NOT NULL,
    member_count INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT groups_unique_name UNIQUE (tenant_id, unique_name_key)
) STRICT;
