ALTER TABLE connections DROP COLUMN replaced_by;
