CREATE INDEX changes_time ON changes (time);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('changes', 'changes_time', '10000000 2');
