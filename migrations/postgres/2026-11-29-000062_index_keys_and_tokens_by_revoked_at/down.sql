DROP INDEX connection_tokens_revoked_at;
DROP INDEX keys_revoked_at;
