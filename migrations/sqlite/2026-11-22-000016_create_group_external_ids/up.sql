CREATE TABLE group_external_ids (
    tenant_id BLOB NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    group_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, source, external_id),
    CONSTRAINT group_external_ids_group UNIQUE (tenant_id, group_id, source),
    FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
