-- `document` holds the attributes without a column, as sent. `folded` holds the same, with the strings that RFC 7643
-- compares case-insensitively in folded form.
CREATE TABLE users (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_name text NOT NULL,
    user_name_key text COLLATE "C" NOT NULL,
    display_name text,
    display_name_key text COLLATE "C",
    active boolean NOT NULL,
    document json NOT NULL,
    folded jsonb NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_user_name UNIQUE (tenant_id, user_name_key)
);
