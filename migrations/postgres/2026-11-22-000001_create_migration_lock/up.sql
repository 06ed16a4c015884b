-- The migrating process locks this table's row on a second connection. `roster migrate` also creates the table, because
-- it needs the lock before the first migration. The down migration keeps it.
CREATE TABLE IF NOT EXISTS migration_lock (id smallint PRIMARY KEY);
INSERT INTO migration_lock (id) VALUES (1) ON CONFLICT DO NOTHING;
