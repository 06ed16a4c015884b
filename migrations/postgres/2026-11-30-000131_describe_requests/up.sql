-- PostgreSQL collects its own statistics. The migration of the same name for SQLite adds some.
SELECT 1;
