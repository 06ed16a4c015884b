-- The id of the connection that has taken over the externalIds of this one.
ALTER TABLE connections ADD COLUMN replaced_by BLOB;
