-- The revisions that the change has undone, as a JSON list of numbers. Null if it belongs to no revert.
ALTER TABLE changes ADD COLUMN reverts TEXT;
