-- The newest revision of each tenant, its counters, and the name of its history. The row is the lock that
-- orders commits, so no foreign key points at it (a referencing insert would lock it too).
CREATE TABLE heads (
    tenant_id uuid PRIMARY KEY NOT NULL,
    epoch uuid NOT NULL,
    revision bigint NOT NULL,
    users bigint NOT NULL,
    groups bigint NOT NULL
);
