DROP INDEX groups_created_at;
