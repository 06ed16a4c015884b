ALTER TABLE heads DROP COLUMN digest_revision;
