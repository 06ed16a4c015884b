-- The number of deactivations and deletions that a release still allows beyond the limit.
ALTER TABLE connections ADD COLUMN allowance bigint NOT NULL DEFAULT 0;
