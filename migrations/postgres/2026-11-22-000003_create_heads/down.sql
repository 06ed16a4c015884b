DROP TABLE heads;
