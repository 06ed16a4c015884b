ALTER TABLE connections DROP COLUMN replaces;
