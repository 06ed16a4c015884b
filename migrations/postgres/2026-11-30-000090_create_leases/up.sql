-- Work that only one server may do at a time. `holder` is a random id of the server that may do it until `expires_at`.
CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    holder uuid NOT NULL,
    expires_at bigint NOT NULL
);
