-- A revoked token has a hash of zeros, so that the previous release also refuses it.
ALTER TABLE connection_tokens ADD COLUMN revoked_at INTEGER;
