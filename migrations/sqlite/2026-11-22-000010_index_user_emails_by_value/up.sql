CREATE INDEX user_emails_value ON user_emails (tenant_id, value_key, user_id);
