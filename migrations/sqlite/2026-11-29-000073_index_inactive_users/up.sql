-- Replaces users_active. Most users are active, so a search for active users reads users in list order.
CREATE INDEX users_inactive ON users (tenant_id, id) WHERE NOT active;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('users', 'users_inactive', '100000 100000 1');
