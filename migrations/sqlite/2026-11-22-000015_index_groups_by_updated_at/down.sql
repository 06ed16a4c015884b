DROP INDEX groups_updated_at;
