CREATE TABLE user_external_ids (
    tenant_id uuid NOT NULL,
    source text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, source, external_id),
    CONSTRAINT user_external_ids_user UNIQUE (tenant_id, user_id, source),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
