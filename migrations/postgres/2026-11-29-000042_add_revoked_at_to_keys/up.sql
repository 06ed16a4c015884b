-- A revoked key has a hash of zeros, so that the previous release also refuses it.
ALTER TABLE keys ADD COLUMN revoked_at bigint;
