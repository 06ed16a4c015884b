ALTER TABLE changes DROP COLUMN digest;
