"""Measures what the inspector costs: SCIM creates with the token of a connection, with and without it, 64 connections."""

from contextlib import ExitStack

from . import servers, workload
from .load import OPEN_CONNECTIONS, Contender
from .report import figure, middle, table
from .spreads import ratio, text
from .testbed import BASE

# The settings of each server.
SERVERS = {"without": {"ROSTER_INSPECTOR": "false"}, "with": {}}


def measure(bed):
    with ExitStack() as stack:
        contenders = [contender(bed, name, settings, stack) for name, settings in SERVERS.items()]
        rounds = bed.closed(contenders, OPEN_CONNECTIONS)
    rows = [(bed.databases.title, name, figure(own, "requests_per_second"),
             text(ratio(own, rounds["without"], "requests_per_second")), middle(own, "p50", 1000),
             middle(own, "p99", 1000))
            for name, own in rounds.items()]
    print(table("engine | inspector | creates/s | ratio | p50 ms | p99 ms", rows), flush=True)


def contender(bed, name, settings, stack):
    """A server with its own database and connection."""
    database = f"inspector_{name}"
    bed.databases.copy(BASE, database)
    url = bed.databases.url(database)
    server = stack.enter_context(servers.roster(bed.options.roster, url, settings))
    client = servers.Client(server.address)
    connection = client.json("POST", "/connections", '{"name":"Provider"}')["id"]
    token = client.json("POST", f"/connections/{connection}/tokens", "{}")["secret"]
    requests = workload.scim("/scim/v2/Users", bed.ids(), {"Authorization": f"Bearer {token}"})
    return Contender(name, server, workload.load(requests, "create"))
