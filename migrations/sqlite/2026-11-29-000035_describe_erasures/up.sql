-- Adds statistics for the table `erasures`, for the reason given in the migration describe_keys.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('erasures', 'erasures', '1000 1000 1');
