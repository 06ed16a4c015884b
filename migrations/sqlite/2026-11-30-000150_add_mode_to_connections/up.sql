-- 'live', or 'dry' if the writes of the connection are rolled back.
ALTER TABLE connections ADD COLUMN mode TEXT NOT NULL DEFAULT 'live';
