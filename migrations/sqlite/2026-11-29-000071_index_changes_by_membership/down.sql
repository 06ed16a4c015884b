DROP INDEX changes_membership;
