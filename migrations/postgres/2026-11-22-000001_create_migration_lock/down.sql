-- The table remains, because another process may be waiting for its row.
SELECT 1;
