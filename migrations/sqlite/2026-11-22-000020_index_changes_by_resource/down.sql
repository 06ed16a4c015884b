DROP INDEX changes_resource;
