ALTER TABLE connections DROP COLUMN mode;
