"""Fills a database: Roster creates a few users, SQL multiplies them, and the table of the peers gets the same users."""

import subprocess

from . import servers, workload

# Users that Roster creates.
TEMPLATES = 20
# Each user is in GROUPS_OF_USER of the GROUPS groups.
GROUPS = 30
GROUPS_OF_USER = 3
NAMES = ["Ada", "Grace", "Alan", "Barbara", "Edsger"]
# Replaced by the number of a copy. As wide as `{n}`, so that all users have the same size.
PLACEHOLDER = "0" * workload.NUMBER_WIDTH
# The first user's creation time in microseconds. Each other user is created a second after the previous one.
BEGIN = 1_767_268_800_000_000

POSTGRES = {
    "before": "BEGIN;",
    "after": "COMMIT; VACUUM ANALYZE; CHECKPOINT;",
    "numbers": "SELECT n FROM generate_series(1, {copies}) AS s (n)",
    "number": "lpad(n::text, 18, '0')",
    "id": "('018f00000000700080000000' || lpad(to_hex(n * {templates} + t), 8, '0'))::uuid",
    "json": "json", "jsonb": "jsonb",
    "types": {"id": "uuid", "bool": "boolean", "int": "bigint", "json": "jsonb", "table": ""},
}
SQLITE = {
    "before": "PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN;",
    "after": "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
    "numbers": "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {copies}) SELECT n FROM s",
    "number": "printf('%018d', n)",
    "id": "unhex('018f00000000700080000000' || printf('%08x', n * {templates} + t))",
    "json": "text", "jsonb": "text",
    "types": {"id": "BLOB", "bool": "INTEGER", "int": "INTEGER", "json": "TEXT", "table": "WITHOUT ROWID"},
}


def fill(databases, binary, name, count):
    """Creates a database with users, in multiples of twenty, for Roster and the peers."""
    databases.create(name)
    environment = {"DATABASE_URL": databases.url(name)}
    subprocess.run([binary, "migrate"], env=environment, cwd="/", check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    with servers.roster(binary, databases.url(name)) as server:
        client = servers.Client(server.address)
        for number in range(TEMPLATES):
            user = workload.user(NAMES[number % len(NAMES)], f"{number:02}")
            client.ask("POST", "/users", workload.compact(user).replace("{n}", PLACEHOLDER))
        for number in range(GROUPS):
            client.ask("POST", "/groups", workload.compact({"displayName": f"Department {number}"}))
    databases.execute(name, statements(SQLITE if databases.pid is None else POSTGRES, count // TEMPLATES))


def statements(engine, copies):
    """Copies the templates in every table but `changes`, removes them, adds the copies to groups, and fills the table of
    the peers."""
    def copied(column, kind="text"):
        return f"CAST(replace(CAST({column} AS text), '{PLACEHOLDER}', {engine['number']}) AS {kind})"

    names = ["user_name", "user_name_key", "display_name", "display_name_key"]
    columns = [f"{copied(name)} AS {name}" for name in names]
    columns += [f"{copied('document', engine['json'])} AS document", f"{copied('folded', engine['jsonb'])} AS folded"]
    identifier = engine["id"].format(templates=TEMPLATES)
    return f"""
        {engine['before']}
        CREATE TEMPORARY TABLE copies AS
            SELECT tenant_id, template.id AS template_id, n, {identifier} AS id, {', '.join(columns)}, active, version,
                {BEGIN} + (n * {TEMPLATES} + t) * 1000000 AS time
            FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS t FROM users) AS template
            CROSS JOIN ({engine['numbers'].format(copies=copies)}) AS s;
        INSERT INTO users (tenant_id, id, {', '.join(names)}, active, document, folded, version, created_at, updated_at)
            SELECT tenant_id, id, {', '.join(names)}, active, document, folded, version, time, time
            FROM copies ORDER BY id;
        INSERT INTO user_emails (tenant_id, user_id, position, value_key)
            SELECT c.tenant_id, c.id, e.position, {copied('e.value_key')} FROM copies AS c
            JOIN user_emails AS e ON e.tenant_id = c.tenant_id AND e.user_id = c.template_id;
        INSERT INTO user_external_ids (tenant_id, source, external_id, user_id)
            SELECT c.tenant_id, x.source, {copied('x.external_id')}, c.id FROM copies AS c
            JOIN user_external_ids AS x ON x.tenant_id = c.tenant_id AND x.user_id = c.template_id;
        DELETE FROM users WHERE id IN (SELECT template_id FROM copies);
        UPDATE heads SET users = {copies * TEMPLATES};
        INSERT INTO members (tenant_id, group_id, user_id, added_at)
            SELECT c.tenant_id, g.id, c.id, c.time FROM copies AS c
            JOIN (SELECT tenant_id, id, row_number() OVER (ORDER BY id) - 1 AS number FROM groups) AS g
                ON g.tenant_id = c.tenant_id AND (g.number + c.n) % {GROUPS // GROUPS_OF_USER} = 0;
        UPDATE groups SET member_count = (SELECT count(*) FROM members
            WHERE members.tenant_id = groups.tenant_id AND members.group_id = groups.id);
        DROP TABLE copies;
        {peer_users(**engine['types'])}
        {engine['after']}"""


def peer_users(id, bool, int, json, table):
    """E-mail addresses have a `display`, as in Roster's representation."""
    return f"""
        CREATE TABLE peer_users (id {id} PRIMARY KEY NOT NULL, external_id text, user_name text NOT NULL UNIQUE,
            given_name text, family_name text, display_name text, title text, active {bool} NOT NULL,
            emails {json} NOT NULL, version {int} NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL)
            {table};
        INSERT INTO peer_users
            SELECT id, document -> 'externalIds' ->> 'native', user_name,
                document -> 'attributes' -> 'name' ->> 'givenName', document -> 'attributes' -> 'name' ->> 'familyName',
                display_name, document -> 'attributes' ->> 'title', active,
                CAST(replace(CAST(document -> 'attributes' -> 'emails' AS text), '"type"', '"display":null,"type"')
                    AS {json}),
                version, created_at, updated_at
            FROM users ORDER BY id;"""
