-- The table stays: another process may be waiting for its row.
SELECT 1;
