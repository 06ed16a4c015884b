-- `resource_id` is the id of the changed resource. For a member, it is the group's id, and `member_id` is the user's id.
CREATE TABLE changes (
    tenant_id uuid NOT NULL,
    revision bigint NOT NULL,
    time bigint NOT NULL,
    actor_type text NOT NULL,
    actor_id text NOT NULL,
    request_id text NOT NULL,
    type text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    resource_id uuid NOT NULL,
    member_id uuid,
    version bigint NOT NULL,
    before json,
    after json,
    erased boolean NOT NULL,
    PRIMARY KEY (tenant_id, revision)
);
