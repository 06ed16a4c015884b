-- Retention deletes the keys and tokens that were revoked long ago.
CREATE INDEX keys_revoked_at ON keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX connection_tokens_revoked_at ON connection_tokens (revoked_at) WHERE revoked_at IS NOT NULL;
