"""The part `storage`: the bytes that a create writes to the write-ahead log and keeps in the database."""

from . import servers, workload
from .load import OPEN_CONNECTIONS
from .testbed import BASE
from .workload import ROSTER

CREATES = 2_000
# The tables with rows of a new user, and the columns with its id.
TABLES = {"users": "id", "user_emails": "user_id", "user_external_ids": "user_id", "changes": "resource_id"}


def storage(bed):
    """On PostgreSQL, the write-ahead log is measured without the images of whole pages that follow a checkpoint: their
    number depends on the time between checkpoints, and not on the create."""
    bed.databases.copy(BASE, "storage")
    results = {}
    if bed.engine == "postgres":
        with bed.databases.without_page_images(), bed.roster("storage") as server:
            results["wal_per_create"] = {
                "1": wal_per_create(bed, lambda: create_users(server)),
                str(OPEN_CONNECTIONS): wal_per_create(bed, lambda: create_users_under_load(bed, server)),
            }
            results["row_bytes"] = row_bytes(bed)
    else:
        size = bed.databases.file_size("storage")
        with bed.roster("storage") as server:
            create_users(server)
        # The server has merged its write-ahead log.
        results["file_bytes_per_create"] = (bed.databases.file_size("storage") - size) / CREATES
    bed.databases.remove("storage")
    bed.say(f"per create: {results}")
    return results


def create_users(server):
    client, body = servers.Client(server.address), workload.compact(workload.user())
    for number in range(CREATES):
        client.ask("POST", "/users", body.replace("{n}", f"storage{number:011}"))


def create_users_under_load(bed, server):
    bed.generator.wrk(bed.contender(ROSTER, server, "create"), OPEN_CONNECTIONS, bed.options.seconds)


def wal_per_create(bed, load):
    def state():
        query = "SELECT users FROM heads UNION ALL SELECT pg_current_wal_insert_lsn() - '0/0'"
        return map(int, bed.databases.column("storage", query))

    users, wal = state()
    load()
    more_users, more_wal = state()
    return (more_wal - wal) / (more_users - users)


def row_bytes(bed):
    """The bytes of the rows of a new user, in each table."""
    def query(table, column):
        created = "SELECT id FROM users JOIN changes ON resource_id = id WHERE type = 'user.created'"
        return f"""SELECT sum(pg_column_size(t)) / count(DISTINCT {column}) FROM {table} AS t
                   WHERE {column} IN ({created})"""

    return {table: float(bed.databases.column("storage", query(table, column))[0]) for table, column in TABLES.items()}
