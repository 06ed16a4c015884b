-- 'live', or 'dry' if the writes of the connection are rolled back.
ALTER TABLE connections ADD COLUMN mode text NOT NULL DEFAULT 'live';
