-- SQLite migrates within one BEGIN IMMEDIATE and needs no lock table. See the migration for PostgreSQL.
SELECT 1;
