-- The id of the connection whose externalIds this connection has taken over. That connection may have been deleted.
ALTER TABLE connections ADD COLUMN replaces uuid;
