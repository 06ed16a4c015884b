DELETE FROM keys WHERE revoked_at IS NOT NULL;
ALTER TABLE keys DROP COLUMN revoked_at;
