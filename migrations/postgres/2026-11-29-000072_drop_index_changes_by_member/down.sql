CREATE INDEX changes_member ON changes (tenant_id, member_id, revision);
