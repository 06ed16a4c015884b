-- The digest of the tenant at the revision `digest_revision`. Null if it is unknown.
ALTER TABLE heads ADD COLUMN digest INTEGER;
