-- Adds statistics for the table `erasures`; the migration describe_keys gives the reason.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('erasures', 'erasures', '1000 1000 1');
