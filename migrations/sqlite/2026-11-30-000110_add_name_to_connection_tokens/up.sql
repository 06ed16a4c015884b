ALTER TABLE connection_tokens ADD COLUMN name TEXT;
