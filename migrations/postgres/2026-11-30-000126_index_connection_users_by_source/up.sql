-- The brake counts the users of a connection.
CREATE INDEX connection_users_source ON connection_users (tenant_id, source_id, user_id);
