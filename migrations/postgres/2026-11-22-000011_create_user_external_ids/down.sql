DROP TABLE user_external_ids;
