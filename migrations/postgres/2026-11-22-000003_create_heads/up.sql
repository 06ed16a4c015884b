-- The latest revision, counters and epoch of each tenant. A lock on the row orders commits, so no foreign key references
-- the table: a referencing insert would lock the row as well.
CREATE TABLE heads (
    tenant_id uuid PRIMARY KEY NOT NULL,
    epoch uuid NOT NULL,
    revision bigint NOT NULL,
    users bigint NOT NULL,
    groups bigint NOT NULL
);
