DROP INDEX user_emails_value;
