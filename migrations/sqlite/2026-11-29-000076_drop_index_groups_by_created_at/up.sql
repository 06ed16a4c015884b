-- Ids contain the time of creation, so the primary key also serves filters and orders by created_at.
DROP INDEX groups_created_at;
