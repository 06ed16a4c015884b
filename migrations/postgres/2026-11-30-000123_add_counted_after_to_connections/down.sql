ALTER TABLE connections DROP COLUMN counted_after;
