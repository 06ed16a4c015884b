ALTER TABLE erasures DROP COLUMN redacted_through;
