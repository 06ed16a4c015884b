DROP TABLE group_external_ids;
