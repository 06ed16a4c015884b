ALTER TABLE erasures DROP COLUMN trace_id;
