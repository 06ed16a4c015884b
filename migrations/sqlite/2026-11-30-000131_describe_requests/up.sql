-- Adds statistics for the table `requests`; the migration describe_keys gives the reason.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('requests', 'sqlite_autoindex_requests_1', '100000 100000 10000 1');
