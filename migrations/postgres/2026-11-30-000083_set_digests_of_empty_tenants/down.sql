-- Reverting add_digest_to_heads drops the column.
SELECT 1;
