ALTER TABLE tenants DROP COLUMN unique_emails;
