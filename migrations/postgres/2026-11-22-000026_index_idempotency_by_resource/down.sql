DROP INDEX idempotency_resource;
