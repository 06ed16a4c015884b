-- The time of the last release without a number. The brake does not count removals up to this time.
ALTER TABLE connections ADD COLUMN counted_after INTEGER;
