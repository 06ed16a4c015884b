-- See `requests_connection`.
ALTER TABLE erasures ADD COLUMN requests_through uuid;
