DROP TABLE connection_removals;
