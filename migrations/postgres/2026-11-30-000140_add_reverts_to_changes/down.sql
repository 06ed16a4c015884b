ALTER TABLE changes DROP COLUMN reverts;
