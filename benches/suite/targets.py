"""The targets: for each engine, the required value and the goal. `()` means that a figure is shown without a target. A
missed target for p50, p99 or throughput fails a full run."""

from dataclasses import dataclass

from .spreads import ratio, spread
from .workload import CONSTANT, FULL_SCHEMA, LARGE_POOL, PEER, PIPELINED, ROSTER, SCENARIOS, SCIM, SCIM2_SERVER, title

# Throughput of a server relative to another, at least: scenario, connections, server, other, limits by engine.
THROUGHPUT = [
    ("read", [64, 256], ROSTER, PEER, {"sqlite": (2, 2.7), "postgres": (2.2, 3), "network": (2, 3)}),
    ("read", [64, 256], ROSTER, PIPELINED, {"postgres": (1.2, 1.5), "network": ()}),
    ("read", [64, 256], ROSTER, LARGE_POOL, {"network": ()}),
    ("read", [64, 256], ROSTER, CONSTANT, {"sqlite": (), "postgres": (0.5, 0.8)}),
    ("page", [64, 256], ROSTER, PEER, {"sqlite": (4, 6), "postgres": (1.8, 2.5)}),
    ("page", [64, 256], ROSTER, PIPELINED, {"postgres": (1.3, 2)}),
    ("mixed", [64, 256], ROSTER, PEER, {"sqlite": (), "postgres": (2, 3), "network": (2.5, 4)}),
    ("mixed", [64, 256], ROSTER, LARGE_POOL, {"network": ()}),
    ("create", [64, 256], ROSTER, PEER, {"sqlite": (5, 8), "postgres": (1.4, 2.5), "network": (4, 8)}),
    ("create", [64, 256], ROSTER, PIPELINED, {"postgres": (), "network": ()}),
    ("create", [64, 256], ROSTER, LARGE_POOL, {"network": ()}),
    ("create", [64], ROSTER, FULL_SCHEMA, {"sqlite": (), "postgres": (7, 12)}),
    ("create", [1], ROSTER, FULL_SCHEMA, {"sqlite": (0.9, 1.2), "postgres": (0.9, 1.2)}),
    ("read", [64, 256], SCIM, ROSTER, {"sqlite": (0.7, 0.9), "postgres": (0.7, 0.9)}),
    ("create", [64, 256], SCIM, ROSTER, {"sqlite": (0.7, 0.9), "postgres": (0.7, 0.9)}),
    ("read", [64], SCIM, SCIM2_SERVER, {"sqlite": (), "postgres": ()}),
    ("create", [64], SCIM, SCIM2_SERVER, {"sqlite": (), "postgres": ()}),
]
# The latency of one client relative to the peer's, at most: scenario, limits by engine.
ONE_CLIENT = [
    ("read", {"sqlite": (0.8, 0.6), "postgres": (1.1, 1), "network": ()}),
    ("create", {"sqlite": (), "postgres": (), "network": ()}),
]
# The median latency in the open loop relative to the peer's, at most. Other scenarios have DEFAULT_P50.
OPEN_LOOP_P50 = {("sqlite", "mixed"): (1.3, 1)}
DEFAULT_P50 = 1, 0.5


@dataclass
class Target:
    name: str
    values: tuple | None
    required: float | None
    goal: float | None
    at_least: bool = False
    enforced: bool = True
    one_connection: bool = False
    # The peer could not sustain the rate, so its latency has no bound.
    unrivalled: bool = False

    @property
    def is_missed(self):
        return self.enforced and self.meets(self.required) is False

    @property
    def verdict(self):
        """Whether the required value and the goal are met, in words."""
        if self.is_undecided:
            return "not measurable"
        verdict = "goal met" if self.meets(self.goal) else "met" if self.meets(self.required) else "**missed**"
        return verdict + (" (the peer cannot sustain the rate)" if self.unrivalled else "")

    @property
    def limits(self):
        """The required value and the goal, as text."""
        values = ", ".join(str(value) for value in (self.required, self.goal) if value is not None)
        return f"{'≥' if self.at_least else '≤'} {values}" if values else ""

    @property
    def is_undecided(self):
        """With one connection: some rounds miss the required value, and others reach the goal."""
        if not self.one_connection or self.required is None:
            return False
        worst, best = self.values[1:] if self.at_least else self.values[:0:-1]
        return not self.reaches(worst, self.required) and self.reaches(best, self.goal)

    def meets(self, limit):
        """None if there is no such target, or if it cannot be decided."""
        if limit is None or self.is_undecided:
            return None
        return self.unrivalled or self.reaches(self.values[0], limit)

    def reaches(self, value, limit):
        return value >= limit if self.at_least else value <= limit


def check(engine, results):
    """The targets of an engine that were measured."""
    targets = [*throughput(engine, results), *at_most(engine, results), *open_loop(engine, results),
               *storage(results.get("storage", {}))]
    return [target for target in targets if target.values]


def throughput(engine, results):
    for scenario, all_connections, own, other, engines in THROUGHPUT:
        limits = engines.get(engine, ())
        for connections in all_connections if engine in engines else []:
            name = f"{title(scenario, connections)}: {own} / {other}"
            values = closed_ratio(results, scenario, connections, own, other, "requests_per_second")
            yield Target(name, values, *(limits or (None, None)), at_least=True, one_connection=connections == 1)


def at_most(engine, results):
    flat, sqlite = results.get("flat", {}), engine == "sqlite"
    memory = results.get("closed", {}).get("memory", {}).get(ROSTER, {})
    for scenario, engines in ONE_CLIENT:
        yield Target(f"{title(scenario, 1)}: p50, {ROSTER} / {PEER}",
                     closed_ratio(results, scenario, 1, ROSTER, PEER, "p50"),
                     *(engines[engine] or (None, None)), one_connection=True)
    for scenario, limits in [("read", (0.4, 0.25)), ("create", (None, None))]:
        yield Target(f"CPU time per {scenario}, server and database, 64 connections: roster / axum-sqlx",
                     cpu_ratio(results, scenario), *(limits if engine != "network" else (None, None)), enforced=False)
    for scenario, limits in [("read", (18, 14)), ("page", (70, 45))]:
        own = rounds(results, scenario, 64, ROSTER)
        yield Target(f"CPU time of the server per {scenario}, 64 connections, µs",
                     spread(one["cpu_server"] for one in own), *(limits if sqlite else (None, None)), enforced=False)
    for name, figure, limits in [("idle", "idle", (14, 11)), ("after 256 connections", "after_256", (48, 32))]:
        yield Target(f"resident memory, {name}, MiB", one_value(memory.get(figure)),
                     *(limits if engine != "network" else (None, None)), enforced=False)
    yield Target("exec to ready, ms", spread(results.get("start", {}).get("milliseconds", [])), 60, 20, enforced=False)
    yield Target("page 1,000 of a list / page 1", block_ratio(flat.get("pages"), "page", 1000), 1.2, None)
    yield Target("read among 1,000,000 users / among 10,000", size_ratio(flat.get("sizes")), 1.3, None)
    yield Target("adding a member to a group of 100,000 / of 10", block_ratio(flat.get("groups"), "members"), 1.5, None)
    minutes = results.get("long", {}).get("minutes", [])
    drift = minutes[-1]["p99"] / minutes[1]["p99"] if len(minutes) > 1 else None
    yield Target("p99 of the last minute of ten / of the second", one_value(drift), 1.3, None)


def open_loop(engine, results):
    for load in results.get("open", {}).get("loads", []):
        own, peer = load["servers"][ROSTER], load["servers"][PEER]
        unrivalled = not all(one["sustained"] for one in peer)
        p50 = OPEN_LOOP_P50.get((engine, load["scenario"]), DEFAULT_P50)
        for name, limits in [("p50", p50), ("p99", (1, 0.5)), ("p99.9", (None, None))]:
            yield Target(f"open loop, {SCENARIOS[load['scenario']]}: {name}, roster / axum-sqlx",
                         ratio(own, peer, name.replace(".", "")), *limits, unrivalled=unrivalled)


def storage(results):
    wal, rows = results.get("wal_per_create", {}), results.get("row_bytes", {})
    yield Target("write-ahead log per create, one client, bytes", one_value(wal.get("1")), 2600, 2000, enforced=False)
    yield Target("write-ahead log per create, 64 connections, bytes", one_value(wal.get("64")), None, None)
    yield Target("rows of a user and its change, bytes", one_value(sum(rows.values()) if rows else None), 1300, 900,
                 enforced=False)
    yield Target("growth of the database file per create, bytes", one_value(results.get("file_bytes_per_create")),
                 None, None)


def rounds(results, scenario, connections, server):
    for group in results.get("closed", {}).get("groups", []):
        if (group["scenario"], group["connections"]) == (scenario, connections):
            return group["servers"].get(server, [])
    return []


def closed_ratio(results, scenario, connections, own, other, figure):
    return ratio(*(rounds(results, scenario, connections, server) for server in (own, other)), figure)


def cpu_ratio(results, scenario):
    own, peer = ([{"cpu": one["cpu_server"] + one["cpu_database"]} for one in rounds(results, scenario, 64, server)]
                 for server in (ROSTER, PEER))
    return ratio(own, peer, "cpu")


def block_ratio(series, label, last=None):
    """The last of a series relative to the first. `last` limits the label."""
    series = [one for one in series or [] if last is None or one[label] <= last]
    return spread(far / near for far, near in zip(series[-1]["blocks"], series[0]["blocks"])) if series else None


def size_ratio(sizes):
    """Time per read among the most users relative to the fewest: the inverse of their throughput."""
    return ratio(sizes[0]["rounds"], sizes[-1]["rounds"], "requests_per_second") if sizes else None


def one_value(value):
    return None if value is None else (value, value, value)
