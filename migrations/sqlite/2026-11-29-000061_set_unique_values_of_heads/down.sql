-- Reverting add_unique_values_to_heads drops the column.
SELECT 1;
