ALTER TABLE connections DROP COLUMN source_id;
