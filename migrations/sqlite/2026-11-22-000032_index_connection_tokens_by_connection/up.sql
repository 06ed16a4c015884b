CREATE INDEX connection_tokens_connection ON connection_tokens (tenant_id, connection_id);
