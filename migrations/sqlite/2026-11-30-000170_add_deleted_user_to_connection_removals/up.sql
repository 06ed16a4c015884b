-- The user that the removal has deleted, if it was one of the connection's users. The brake counts those that were not restored
-- since. The previous release counts `deleted_users` instead.
ALTER TABLE connection_removals ADD COLUMN deleted_user BLOB;
