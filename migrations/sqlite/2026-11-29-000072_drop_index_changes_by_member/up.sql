-- changes_membership replaces this index.
DROP INDEX changes_member;
