DROP INDEX keys_tenant;
