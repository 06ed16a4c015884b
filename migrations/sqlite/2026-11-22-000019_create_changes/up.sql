-- `resource_id` is the id of the changed resource. For a member, it is the group's id, and `member_id` is the user's id.
CREATE TABLE changes (
    tenant_id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    time INTEGER NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    type TEXT NOT NULL,
    resource TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    member_id BLOB,
    version INTEGER NOT NULL,
    before TEXT,
    after TEXT,
    erased INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, revision)
) STRICT;
