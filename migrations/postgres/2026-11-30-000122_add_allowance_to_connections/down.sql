ALTER TABLE connections DROP COLUMN allowance;
