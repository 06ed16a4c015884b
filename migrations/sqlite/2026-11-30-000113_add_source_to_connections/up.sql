-- The id under which the externalIds of the connection are stored. Null means that of the connection itself.
ALTER TABLE connections ADD COLUMN source_id BLOB;
