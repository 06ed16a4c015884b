-- Replaces changes_member. Most changes have no member. On PostgreSQL, an index that was created before, with
-- CONCURRENTLY, is used instead.
CREATE INDEX IF NOT EXISTS changes_membership ON changes (tenant_id, member_id, revision) WHERE member_id IS NOT NULL;
