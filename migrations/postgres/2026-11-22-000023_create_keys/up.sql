CREATE TABLE keys (
    id uuid PRIMARY KEY NOT NULL,
    tenant_id uuid NOT NULL,
    name text,
    role text NOT NULL,
    secret_hash bytea NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    expires_at bigint,
    last_used_at bigint
);
