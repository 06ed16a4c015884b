ALTER TABLE changes DROP COLUMN trace_id;
