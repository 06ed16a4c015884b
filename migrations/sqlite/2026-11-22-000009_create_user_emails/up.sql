-- An index of e-mail values. The list itself is in the user's document.
CREATE TABLE user_emails (
    tenant_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    value_key TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, position),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
