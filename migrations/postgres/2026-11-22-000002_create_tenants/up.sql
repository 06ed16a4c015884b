CREATE TABLE tenants (
    id uuid PRIMARY KEY NOT NULL,
    name text COLLATE "C" NOT NULL CONSTRAINT tenants_name UNIQUE,
    unique_group_names boolean NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
