-- Whether the values that the tenant writes are checked for uniqueness. Each write reads this column with the head row,
-- which it updates anyway, so only the writes of such tenants need an additional statement.
ALTER TABLE heads ADD COLUMN unique_values INTEGER NOT NULL DEFAULT 0;
