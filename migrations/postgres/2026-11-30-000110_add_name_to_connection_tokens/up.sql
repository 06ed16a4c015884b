ALTER TABLE connection_tokens ADD COLUMN name text;
