DROP INDEX members_user;
