DELETE FROM sqlite_stat1 WHERE tbl IN ('connections', 'connection_tokens');
