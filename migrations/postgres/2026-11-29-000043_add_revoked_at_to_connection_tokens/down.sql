DELETE FROM connection_tokens WHERE revoked_at IS NOT NULL;
ALTER TABLE connection_tokens DROP COLUMN revoked_at;
