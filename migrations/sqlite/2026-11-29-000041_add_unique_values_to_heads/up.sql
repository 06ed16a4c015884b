-- Whether the tenant may require unique values. Each write reads this column with the head row that it updates anyway,
-- so that only writes of such tenants need an additional statement.
ALTER TABLE heads ADD COLUMN unique_values INTEGER NOT NULL DEFAULT 0;
