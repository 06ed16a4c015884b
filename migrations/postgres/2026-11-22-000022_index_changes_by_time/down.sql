DROP INDEX changes_time;
