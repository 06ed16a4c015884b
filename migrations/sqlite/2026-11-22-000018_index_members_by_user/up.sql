CREATE INDEX members_user ON members (tenant_id, user_id, group_id);
