-- An index of e-mail values. The list itself is in the user's document.
CREATE TABLE user_emails (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    position smallint NOT NULL,
    value_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, user_id, position),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
