-- SQLite migrates inside one BEGIN IMMEDIATE and needs no lock table: see the other folder.
SELECT 1;
