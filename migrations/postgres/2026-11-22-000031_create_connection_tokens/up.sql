CREATE TABLE connection_tokens (
    id uuid PRIMARY KEY NOT NULL,
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    last_used_at bigint
);
