-- The next migration to be reverted drops the column.
SELECT 1;
