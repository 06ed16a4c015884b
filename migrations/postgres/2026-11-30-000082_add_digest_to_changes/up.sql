-- The digest of the tenant after the change. Null if it was unknown, as for changes of earlier releases.
ALTER TABLE changes ADD COLUMN digest bigint;
