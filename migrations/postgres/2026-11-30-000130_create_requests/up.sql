-- The requests that connections have sent. `time` is the arrival, which `id` contains too. The bodies `request` and `response`
-- contain no secrets and are cut off after 16 KiB. `codes` are the codes of the notes, and `mentions` the ids and user names that
-- the request and the response contain, each followed by a line feed. `details` is a document with the notes and everything else.
-- Once the values of a user have been removed from a row, it is `erased`. The columns that filters use come first, so that a scan
-- need not read the others.
CREATE TABLE requests (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    id uuid NOT NULL,
    time bigint NOT NULL,
    status smallint NOT NULL,
    resource text,
    resource_id uuid,
    codes text NOT NULL,
    mentions text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    query text,
    erased boolean NOT NULL,
    details json NOT NULL,
    request text,
    response text,
    PRIMARY KEY (tenant_id, connection_id, id)
);
