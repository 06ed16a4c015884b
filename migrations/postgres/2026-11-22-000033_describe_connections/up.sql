-- PostgreSQL counts by itself how values spread: see the other folder.
SELECT 1;
