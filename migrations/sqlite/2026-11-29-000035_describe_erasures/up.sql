-- Like describe_keys, for the table added since.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('erasures', 'erasures', '1000 1000 1');
