-- `unique_name_key` is set if the tenant requires unique group names.
CREATE TABLE groups (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL,
    display_name_key text COLLATE "C" NOT NULL,
    unique_name_key text COLLATE "C",
    document json NOT NULL,
    folded jsonb NOT NULL,
    member_count bigint NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT groups_unique_name UNIQUE (tenant_id, unique_name_key)
);
