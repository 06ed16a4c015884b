ALTER TABLE connections DROP COLUMN brake;
