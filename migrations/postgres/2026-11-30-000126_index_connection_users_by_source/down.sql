DROP INDEX connection_users_source;
