ALTER TABLE connection_removals DROP COLUMN deleted_user;
