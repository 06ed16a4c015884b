-- Servers of the previous release change `revision` alone, and the digest is then outdated.
ALTER TABLE heads ADD COLUMN digest_revision bigint;
