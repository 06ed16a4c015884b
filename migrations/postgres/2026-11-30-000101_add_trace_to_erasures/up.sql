-- The id of the trace of the request that began the erasure. Null if it had none.
ALTER TABLE erasures ADD COLUMN trace_id uuid;
