-- Replaces changes_member. Most changes have no member.
CREATE INDEX changes_membership ON changes (tenant_id, member_id, revision) WHERE member_id IS NOT NULL;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('changes', 'changes_membership', '10000000 10000000 20 1');
