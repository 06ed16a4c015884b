ALTER TABLE erasures DROP COLUMN texts;
