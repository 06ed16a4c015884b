-- Erasures of users that are not complete, with the origin of the request and the user's last version and time. Stored
-- responses have been searched up to the `created_at` in `responses_through`. Once `redacted`, only SQLite's write-ahead log can still contain values.
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
