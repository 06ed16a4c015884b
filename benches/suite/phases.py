"""The parts of the full measurement. Each returns what results.json stores: raw figures of rounds."""

import time
from contextlib import ExitStack
from statistics import median

from . import servers, workload
from .load import OPEN_CONNECTIONS, Contender, interleaved, throughput
from .testbed import BASE
from .workload import CONSTANT, FULL_SCHEMA, LARGE_POOL, PEER, PIPELINED, ROSTER, SCIM, SCIM2_SERVER

# The peer's pool sizes. For each scenario, the better one counts.
POOLS = [5, 16]
# The numbers of connections of the closed loop.
CONNECTIONS = {"sqlite": [1, 16, 64, 256], "postgres": [1, 16, 64, 256], "network": [1, 64, 256]}
# Rounds and seconds of the closed loop that chooses a pool or measures Roster's capacity.
CALIBRATION = 2, 3
# A round of the open loop is longer than one of the closed loop.
OPEN_FACTOR = 2
# A server sustains a rate if at most one request in this many got no response.
SUSTAINED = 100
STARTS = 11


def start(bed):
    """Milliseconds from exec to the first successful response of /readyz."""
    bed.databases.copy(BASE, "start")
    times = []
    for _ in range(STARTS):
        began = time.monotonic()
        with bed.roster("start"):
            times.append((time.monotonic() - began) * 1000)
    bed.say(f"ready in {median(times):.0f} ms")
    return {"milliseconds": times}


def closed(bed):
    """Every scenario with each number of connections. All servers run all the time: an idle one costs nothing."""
    with ExitStack() as stack:
        running = start_servers(bed, stack)
        pools = {size: stack.enter_context(bed.axum_sqlx("peers", size)) for size in POOLS}
        others = described_servers(bed)
        watched = {**running, **{f"{PEER}, pool of {size}": server for size, server in pools.items()}}
        time.sleep(1)
        memory = {name: {"idle": servers.memory(server.pid)[0]} for name, server in watched.items()}
        results = {"pools": {}, "groups": [], "memory": memory}
        if bed.engine == "network":
            results["delays"] = bed.databases.measure_delays()
        for scenario in scenarios(bed.engine):
            results["pools"][scenario] = better_pool(bed, pools, scenario)
            running[PEER] = pools[results["pools"][scenario]]
            for connections in bed.options.connections or CONNECTIONS[bed.engine]:
                contenders = [bed.contender(name, running[name], scenario)
                              for name in participants(bed.engine, scenario, connections)]
                contenders += [Contender(name, server, load) for name, server, requests in others
                               if (load := workload.load(requests, scenario))]
                results["groups"].append(closed_group(bed, contenders, scenario, connections))
                record_memory(watched, connections, memory)
        return results


def scenarios(engine):
    """Over a network, a page differs from a read only in the bytes on their way."""
    return [scenario for scenario in workload.SCENARIOS if engine != "network" or scenario != "page"]


def start_servers(bed, stack):
    for copy in ["roster", "scim", "peers", "full_schema"]:
        bed.databases.copy(BASE, copy)
    starting = {ROSTER: bed.roster("roster")}
    if bed.engine != "sqlite":
        starting[PIPELINED] = bed.axum_tokio_postgres("peers")
    if bed.engine == "network":
        starting[LARGE_POOL] = bed.axum_sqlx("peers", 64)
    else:
        # A second process with its own database, so that only native requests affect the memory and rows of the first.
        starting[SCIM] = bed.roster("scim")
        starting[SCIM2_SERVER] = bed.scim2_server()
        starting[CONSTANT] = bed.constant()
        starting[FULL_SCHEMA] = bed.axum_sqlx("full_schema", max(POOLS), "--full-schema")
    return {name: stack.enter_context(server) for name, server in starting.items()}


def described_servers(bed):
    """The servers of the command line, which the suite did not start."""
    return [(name, servers.Server(url.removeprefix("http://").rstrip("/")), workload.described(file, bed.ids()))
            for (name, url), file in zip(bed.options.server, bed.options.describe, strict=True)]


def participants(engine, scenario, connections):
    """The servers to measure. Those without a target take part where they are most informative."""
    names = [ROSTER, PEER]
    if engine != "sqlite" and connections >= 64 and scenario != "mixed":
        names.append(PIPELINED)
    if engine == "network":
        return names + ([LARGE_POOL] if connections >= 64 else [])
    if scenario == "read":
        names.append(CONSTANT)
    if scenario == "create" and connections in (1, 64):
        names.append(FULL_SCHEMA)
    if scenario in ("read", "create") and connections >= 64:
        names += [SCIM, SCIM2_SERVER]
    return names


def closed_group(bed, contenders, scenario, connections, **length):
    rounds = bed.closed(contenders, connections, **length)
    rates = "; ".join(f"{name} {throughput(own):.0f}/s" for name, own in rounds.items())
    bed.say(f"{workload.title(scenario, connections)}: {rates}")
    return {"scenario": scenario, "connections": connections, "servers": rounds}


def better_pool(bed, pools, scenario):
    contenders = [bed.contender(size, server, scenario, PEER) for size, server in pools.items()]
    results = bed.closed(contenders, OPEN_CONNECTIONS, *CALIBRATION)
    return max(results, key=lambda size: throughput(results[size]))


def record_memory(watched, connections, memory):
    for name, server in watched.items():
        now, memory[name]["peak"] = servers.memory(server.pid)
        if connections >= 256:
            memory[name]["after_256"] = max(now, memory[name].get("after_256", 0))


def open_loop(bed):
    """Latencies at half of Roster's capacity, of Roster and of the peer at the same rate."""
    for copy in ["open_roster", "open_peer"]:
        bed.databases.copy(BASE, copy)
    with ExitStack() as stack:
        roster = stack.enter_context(bed.roster("open_roster"))
        pools = {size: stack.enter_context(bed.axum_sqlx("open_peer", size)) for size in POOLS}
        return {"loads": [open_load(bed, scenario, roster, pools) for scenario in ["read", "mixed", "create"]]}


def open_load(bed, scenario, roster, pools):
    own = bed.contender(ROSTER, roster, scenario)
    pool = better_pool(bed, pools, scenario)
    capacity = measure_capacity(bed, own)
    seconds = OPEN_FACTOR * bed.options.seconds

    def measure(contender):
        results = bed.generator.open(contender, capacity / 2, seconds, [seconds])
        sustained = results["unanswered"] * SUSTAINED <= results["requests"]
        return {**results["intervals"][0][0], "sustained": sustained, "stolen_cores": results["stolen_cores"]}

    rounds = interleaved([own, bed.contender(PEER, pools[pool], scenario)], bed.options.rounds, measure)
    p99 = "; ".join(f"{name} p99 {median(one['p99'] for one in own) / 1000:.2f} ms" for name, own in rounds.items())
    bed.say(f"{workload.SCENARIOS[scenario]}, {capacity / 2:.0f} requests/s: {p99}")
    return {"scenario": scenario, "capacity": capacity, "rate": capacity / 2, "servers": rounds}


def measure_capacity(bed, contender):
    return throughput(bed.closed([contender], OPEN_CONNECTIONS, *CALIBRATION)[contender.name])


def long(bed):
    """Reads and creates, nine to one, for some minutes at half of Roster's capacity."""
    bed.databases.copy(BASE, "long")
    with bed.roster("long") as server:
        contender = bed.contender(ROSTER, server, "mixed")
        rate = measure_capacity(bed, contender) / 2
        bed.say(f"{bed.options.minutes} minutes of {rate:.0f} requests/s")
        results = bed.generator.open(contender, rate, bed.options.minutes * 60, [10, 60])
        ten_seconds, minutes = results.pop("intervals")
        return {"rate": rate, "ten_seconds": ten_seconds, "minutes": minutes, **results}
