-- Erasures that are not complete. `actor_type`, `actor_id` and `request_id` are those of the request that erases the
-- user; `version` and `time` are those of the user's last change. Stored responses with a `created_at` up to
-- `responses_through` have been searched. Once `redacted` is set, only SQLite's write-ahead log can still contain the
-- user's values.
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
