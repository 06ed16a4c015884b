-- `document` holds the attributes without a column, as sent. `folded` holds the same, with the strings that RFC 7643
-- compares case-insensitively in folded form.
CREATE TABLE users (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_name TEXT NOT NULL,
    user_name_key TEXT NOT NULL,
    display_name TEXT,
    display_name_key TEXT,
    active INTEGER NOT NULL,
    document TEXT NOT NULL,
    folded TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_user_name UNIQUE (tenant_id, user_name_key)
) STRICT;
