-- Users that belong to a connection although they have no externalId of it, by the source of the connection's externalIds: those
-- that it has created without one, and those whose externalId it has removed. The others are in `user_external_ids`.
CREATE TABLE connection_users (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    source_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, user_id, source_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
