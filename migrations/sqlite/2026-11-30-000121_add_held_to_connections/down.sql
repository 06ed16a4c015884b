ALTER TABLE connections DROP COLUMN held;
