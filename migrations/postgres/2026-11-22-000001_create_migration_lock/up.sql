-- Whoever migrates holds the row of this table on a second connection. `roster migrate` needs it
-- before the first migration, so it makes it too, and the down migration leaves it.
CREATE TABLE IF NOT EXISTS migration_lock (id smallint PRIMARY KEY);
INSERT INTO migration_lock (id) VALUES (1) ON CONFLICT DO NOTHING;
