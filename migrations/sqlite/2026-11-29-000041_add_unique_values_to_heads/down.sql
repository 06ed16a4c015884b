ALTER TABLE heads DROP COLUMN unique_values;
