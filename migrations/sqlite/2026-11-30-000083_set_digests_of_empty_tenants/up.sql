-- The digest of nothing is 0. The application computes the digests of other tenants.
UPDATE heads SET digest = 0, digest_revision = revision WHERE users = 0 AND groups = 0;
