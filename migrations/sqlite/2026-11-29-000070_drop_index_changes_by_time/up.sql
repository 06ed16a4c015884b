-- No statement uses this index: changes are read by revision.
DROP INDEX changes_time;
