-- When the last erasure of a user of the tenant began. Requests that arrived earlier are recorded without their contents.
ALTER TABLE heads ADD COLUMN erased_at bigint;
