-- The deactivations and deletions by connections. `number` is the running total of the connection's removals, and `deleted_users`
-- that of its users that it has deleted. The difference of two rows is therefore the total of a period.
-- `counted_users` is the number of the connection's users, with those deleted within the period, when they were last counted, at
-- `counted_at`.
CREATE TABLE connection_removals (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    time bigint NOT NULL,
    number bigint NOT NULL,
    deleted_users bigint NOT NULL,
    counted_users bigint,
    counted_at bigint,
    PRIMARY KEY (tenant_id, connection_id, time)
);
