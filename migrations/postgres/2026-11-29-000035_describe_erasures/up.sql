-- PostgreSQL collects its own statistics. See the migration for SQLite.
SELECT 1;
