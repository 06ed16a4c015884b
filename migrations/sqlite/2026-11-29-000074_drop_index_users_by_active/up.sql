-- users_inactive replaces this index.
DROP INDEX users_active;
