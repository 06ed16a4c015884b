-- Whether the tenant may require unique values. Each write reads it with the head row that it updates anyway, so that
-- only the writes of such tenants need another statement.
ALTER TABLE heads ADD COLUMN unique_values INTEGER NOT NULL DEFAULT 0;
