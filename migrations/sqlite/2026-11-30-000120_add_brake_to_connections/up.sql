-- The limit on deactivations and deletions, as JSON. Null means no limit. The connections of earlier releases have the default.
ALTER TABLE connections ADD COLUMN brake TEXT DEFAULT '{"users":20,"percent":10,"hours":24}';
