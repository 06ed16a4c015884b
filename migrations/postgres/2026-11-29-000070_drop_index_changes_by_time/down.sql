CREATE INDEX changes_time ON changes (time);
