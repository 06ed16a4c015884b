ALTER TABLE erasures DROP COLUMN requests_through;
