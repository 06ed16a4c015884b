DROP INDEX groups_display_name;
