ALTER TABLE connection_tokens DROP COLUMN name;
