CREATE TABLE user_external_ids (
    tenant_id BLOB NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, source, external_id),
    CONSTRAINT user_external_ids_user UNIQUE (tenant_id, user_id, source),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
