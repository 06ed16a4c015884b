DROP INDEX changes_member;
