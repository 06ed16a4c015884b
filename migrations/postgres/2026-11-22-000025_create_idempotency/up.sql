-- Responses to requests with an Idempotency-Key. An erasure finds the rows to blank by `resource_id`.
CREATE TABLE idempotency (
    tenant_id uuid NOT NULL,
    caller text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    status smallint NOT NULL,
    headers text NOT NULL,
    body text,
    resource_id uuid,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, caller, method, path, idempotency_key)
);
