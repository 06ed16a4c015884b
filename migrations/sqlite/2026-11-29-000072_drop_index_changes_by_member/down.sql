CREATE INDEX changes_member ON changes (tenant_id, member_id, revision);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('changes', 'changes_member', '10000000 10000000 20 1');
