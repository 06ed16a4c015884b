ALTER TABLE heads DROP COLUMN erased_at;
