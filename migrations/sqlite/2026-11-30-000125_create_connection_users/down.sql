DROP TABLE connection_users;
