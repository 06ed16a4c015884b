-- Replaces users_active. Most users are active, so a search for active users reads users in list order. On PostgreSQL,
-- an index that was created before, with CONCURRENTLY, is used instead.
CREATE INDEX IF NOT EXISTS users_inactive ON users (tenant_id, id) WHERE NOT active;
