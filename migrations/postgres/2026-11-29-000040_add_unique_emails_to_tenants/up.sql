ALTER TABLE tenants ADD COLUMN unique_emails boolean NOT NULL DEFAULT false;
