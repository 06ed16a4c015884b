-- No statement uses this index. The erasure of the previous release also searches the bodies of all responses.
DROP INDEX idempotency_resource;
