"""The part `costs`: what docs/sizing.md needs beside the other parts. Processor time of changes to users and of new
members, the sizes of responses, and the growth of the database per user and per change."""

from . import workload
from .load import OPEN_CONNECTIONS, Contender, throughput
from .servers import Client
from .storage import create_users_under_load
from .testbed import BASE

NAME = "costs"
# Enough that a random user is rarely added to a group twice. The weight of each is a divisor of 100.
GROUPS = 20
SQLITE_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"


def costs(bed):
    bed.databases.copy(BASE, NAME)
    with bed.roster(NAME) as server:
        user = growth(bed, f"pg_database_size('{NAME}')", lambda: create_users_under_load(bed, server))
        patch, member = writes(bed, server)
        rounds = {}

        def change_users():
            rounds["patch"] = measure(bed, server, patch)

        # The other tables do not grow: new versions of rows take the space of vacuumed ones.
        change = growth(bed, "pg_total_relation_size('changes')", change_users)
        rounds["member"] = measure(bed, server, member)
    bed.databases.remove(NAME)
    bodies = {name: bed.file(f"{name}.json").stat().st_size for name in ("user", "page")}
    bed.say(f"bytes per user {user:.0f}, per change {change:.0f}; bodies {bodies}")
    return {"loads": rounds, "bytes_per_user": user, "bytes_per_change": change, "body_bytes": bodies}


def writes(bed, server):
    """The loads that the part `closed` lacks: changes to users, and new members."""
    client, ids, key = Client(server.address), bed.ids(), workload.AUTHORIZED
    groups = [client.json("POST", "/groups", workload.compact({"displayName": f"Sized {number}"}))["id"]
              for number in range(GROUPS)]
    members = [workload.Request(f"/groups/{group}/members/{{id}}", ids, "PUT", key) for group in groups]
    return [(100, workload.patch(ids))], [(100 // GROUPS, member) for member in members]


def measure(bed, server, load):
    rounds = bed.closed([Contender(NAME, server, load)], OPEN_CONNECTIONS)[NAME]
    bed.say(f"{load[0][1].method}: {throughput(rounds):.0f}/s")
    return rounds


def growth(bed, postgres_size, load):
    """The bytes by which a load makes the database grow, per change."""
    def state():
        size = f"SELECT {postgres_size}" if bed.databases.pid else SQLITE_SIZE
        return [int(bed.databases.column(NAME, query)[0]) for query in (size, "SELECT max(revision) FROM heads")]

    size, revision = state()
    load()
    larger, later = state()
    return (larger - size) / (later - revision)
