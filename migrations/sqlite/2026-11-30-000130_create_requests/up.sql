-- The requests that connections have sent. `time` is the arrival, which `id` contains too. The bodies `request` and `response`
-- contain no secrets and are cut off after 16 KiB. `codes` are the codes of the notes, and `mentions` the ids and user names that
-- the request and the response contain, each followed by a line feed. `details` is a document with the notes and everything else.
-- Once the values of a user have been removed from a row, it is `erased`. The columns that filters use come first, so that a scan
-- need not read the others.
CREATE TABLE requests (
    tenant_id BLOB NOT NULL,
    connection_id BLOB NOT NULL,
    id BLOB NOT NULL,
    time INTEGER NOT NULL,
    status INTEGER NOT NULL,
    resource TEXT,
    resource_id BLOB,
    codes TEXT NOT NULL,
    mentions TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT,
    erased INTEGER NOT NULL,
    details TEXT NOT NULL,
    request TEXT,
    response TEXT,
    PRIMARY KEY (tenant_id, connection_id, id)
) STRICT;
