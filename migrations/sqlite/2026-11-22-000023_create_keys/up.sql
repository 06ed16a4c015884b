CREATE TABLE keys (
    id BLOB PRIMARY KEY NOT NULL,
    tenant_id BLOB NOT NULL,
    name TEXT,
    role TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT;
