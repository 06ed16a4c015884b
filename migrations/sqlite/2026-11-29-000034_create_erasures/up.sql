-- Incomplete erasures of users, with the origin of the request and the user's last version and time. Stored responses
-- with a `created_at` up to `responses_through` have been searched. Once `redacted` is set, only the write-ahead log
-- can still contain values.
CREATE TABLE erasures (
    tenant_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    time INTEGER NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    responses_through INTEGER NOT NULL,
    redacted INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;
