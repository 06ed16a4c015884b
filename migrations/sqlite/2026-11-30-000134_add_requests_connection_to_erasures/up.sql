-- The connection of the last recorded request that was searched; null for none. `requests_through` is its id.
ALTER TABLE erasures ADD COLUMN requests_connection BLOB;
