"""Compares builds of Roster, such as allocators, profiles or versions, without peers."""

import time
from contextlib import ExitStack

from . import servers, workload
from .load import Contender, interleaved
from .report import figure, middle, table
from .spreads import ratio, short, text
from .testbed import BASE

# Users that are patched in turn.
PATCHED = 1_000


def compare(bed, builds, loads, connections):
    """Prints a row for each build and load. Each build has its own database."""
    with ExitStack() as stack:
        running = {}
        for number, (name, binary) in enumerate(builds):
            bed.databases.copy(BASE, f"build_{number}")
            url = bed.databases.url(f"build_{number}")
            running[name] = stack.enter_context(servers.roster(binary, url))
        time.sleep(1)
        idle = memory(running)
        results = {name: measure(bed, running, load, connections) for name, load in loads(bed).items()}
        after = memory(running)
    first = builds[0][0]
    rows = [(bed.databases.title, build, short(idle[build][0]), short(after[build][0]), short(after[build][1]), load,
             figure(rounds[build], "requests_per_second"),
             text(ratio(rounds[build], rounds[first], "requests_per_second")),
             middle(rounds[build], "p50", 1000), middle(rounds[build], "p99", 1000),
             sum(one["failed"] for one in rounds[build]))
            for build in running for load, rounds in results.items()]
    print(table("engine | build | idle MiB | MiB after the load | peak MiB | load | requests/s | ratio to the first "
                "| p50 ms | p99 ms | failed", rows), flush=True)


def measure(bed, running, load, connections):
    contenders = [Contender(name, server, load) for name, server in running.items()]
    options = bed.options
    return interleaved(contenders, options.rounds, lambda one: bed.generator.wrk(one, connections, options.seconds))


def memory(running):
    return {name: servers.memory(server.pid) for name, server in running.items()}


def reads_and_creates(bed):
    requests = workload.roster(bed.ids(), bed.file("cursors"))
    loads = {workload.SCENARIOS[name]: workload.load(requests, name) for name in ("read", "create")}
    scim = workload.scim("/scim/v2/Users", bed.ids(), workload.AUTHORIZED)
    return {**loads, "read by id over SCIM": workload.load(scim, "read")}


def patches(bed):
    """SCIM PATCH, with all requests for one user or spread over many."""
    ids = bed.ids().read_text().splitlines()
    bed.file("one.ids").write_text(ids[0])
    bed.file("many.ids").write_text("\n".join(ids[:PATCHED]))
    return {"PATCH of one user": workload.scim_patch(bed.file("one.ids")),
            "PATCH of many users": workload.scim_patch(bed.file("many.ids"))}
