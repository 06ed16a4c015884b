-- Erasures that are not complete. `actor_type`, `actor_id` and `request_id` are those of the request that erases the
-- user; `version` and `time` are those of the user's last change. Stored responses with a `created_at` up to
-- `responses_through` have been searched. Once `redacted` is set, only SQLite's write-ahead log can still contain the
-- user's values.
CREATE TABLE erasures (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    version bigint NOT NULL,
    time bigint NOT NULL,
    actor_type text NOT NULL,
    actor_id text NOT NULL,
    request_id text NOT NULL,
    responses_through bigint NOT NULL,
    redacted boolean NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
