DROP INDEX users_created_at;
