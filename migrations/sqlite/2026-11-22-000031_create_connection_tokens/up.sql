CREATE TABLE connection_tokens (
    id BLOB PRIMARY KEY NOT NULL,
    tenant_id BLOB NOT NULL,
    connection_id BLOB NOT NULL,
    secret_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT;
