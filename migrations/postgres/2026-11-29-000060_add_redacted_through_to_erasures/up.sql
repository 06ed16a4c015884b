-- The user's changes up to this revision have been redacted, so that the next transaction begins after it.
ALTER TABLE erasures ADD COLUMN redacted_through bigint NOT NULL DEFAULT 0;
