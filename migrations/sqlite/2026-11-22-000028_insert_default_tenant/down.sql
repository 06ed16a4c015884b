DELETE FROM heads;
DELETE FROM tenants;
