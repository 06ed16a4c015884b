-- Like describe_keys, for the tables added since.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('connections', 'sqlite_autoindex_connections_1', '1000 1000 1'),
    ('connection_tokens', 'sqlite_autoindex_connection_tokens_1', '1000 1'),
    ('connection_tokens', 'connection_tokens_connection', '1000 1000 2');
