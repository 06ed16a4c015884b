-- Since when and why deactivations and deletions are refused, as JSON. Null if they are not.
ALTER TABLE connections ADD COLUMN held json;
