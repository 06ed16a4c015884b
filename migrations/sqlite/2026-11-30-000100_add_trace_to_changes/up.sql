-- The id of the request's trace (W3C Trace Context), 16 bytes. Null if the request had no valid `traceparent`.
ALTER TABLE changes ADD COLUMN trace_id BLOB;
