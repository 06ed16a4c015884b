-- Responses to requests with an Idempotency-Key. An erasure finds the rows to blank by `resource_id`.
CREATE TABLE idempotency (
    tenant_id BLOB NOT NULL,
    caller TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body TEXT,
    resource_id BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, caller, method, path, idempotency_key)
) STRICT;
