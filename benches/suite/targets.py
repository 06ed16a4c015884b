"""The targets: for each engine, the required value and the goal. `()` means that a figure is shown without a target,
and None that it is not shown. A missed target for p50, p99 or throughput fails a full run."""

from dataclasses import dataclass

from .spreads import ratio, spread
from .workload import CONSTANT, FULL_SCHEMA, PEER, PIPELINED, ROSTER, SCENARIOS, SCIM, SCIM2_SERVER, title

# Throughput of a server relative to another, at least: scenario, connections, server, other, SQLite, PostgreSQL.
THROUGHPUT = [
    ("read", [64, 256], ROSTER, PEER, (2, 2.7), (2.2, 3)),
    ("read", [64, 256], ROSTER, PIPELINED, None, (1.2, 1.5)),
    ("read", [64, 256], ROSTER, CONSTANT, (), (0.5, 0.8)),
    ("page", [64, 256], ROSTER, PEER, (4, 6), (1.8, 2.5)),
    ("page", [64, 256], ROSTER, PIPELINED, None, (1.3, 2)),
    ("mixed", [64, 256], ROSTER, PEER, (), (2, 3)),
    ("create", [64, 256], ROSTER, PEER, (5, 8), (1.4, 2.5)),
    ("create", [64], ROSTER, FULL_SCHEMA, (), (7, 12)),
    ("read", [1], ROSTER, PEER, (0.9, 1.2), (0.9, 1.2)),
    ("create", [1], ROSTER, FULL_SCHEMA, (0.9, 1.2), (0.9, 1.2)),
    ("read", [64, 256], SCIM, ROSTER, (0.7, 0.9), (0.7, 0.9)),
    ("create", [64, 256], SCIM, ROSTER, (0.7, 0.9), (0.7, 0.9)),
    ("read", [64], SCIM, SCIM2_SERVER, (), ()),
    ("create", [64], SCIM, SCIM2_SERVER, (), ()),
]


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
    def note(self):
        if self.is_undecided:
            return "not measurable: the rounds contradict each other"
        return "the peer cannot sustain this rate" if self.unrivalled else ""

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
    targets = [*throughput(engine, results), *at_most(engine, results), *open_loop(results)]
    return [target for target in targets if target.values]


def throughput(engine, results):
    for scenario, all_connections, own, other, sqlite, postgres in THROUGHPUT:
        limits = sqlite if engine == "sqlite" else postgres
        if limits is None:
            continue
        for connections in all_connections:
            name = f"{title(scenario, connections)}: {own} / {other}"
            values = closed_ratio(results, scenario, connections, own, other, "requests_per_second")
            yield Target(name, values, *(limits or (None, None)), at_least=True, one_connection=connections == 1)


def at_most(engine, results):
    flat, sqlite = results.get("flat", {}), engine == "sqlite"
    memory = results.get("closed", {}).get("memory", {}).get(ROSTER, {})
    yield Target("read by id, 1 connection: p50, roster / axum-sqlx",
                 closed_ratio(results, "read", 1, ROSTER, PEER, "p50"),
                 *((0.8, 0.6) if sqlite else (1.1, 1)), one_connection=True)
    for scenario, limits in [("read", (0.4, 0.25)), ("create", (None, None))]:
        yield Target(f"CPU time per {scenario}, server and database, 64 connections: roster / axum-sqlx",
                     cpu_ratio(results, scenario), *limits, enforced=False)
    for scenario, limits in [("read", (18, 14)), ("page", (70, 45))]:
        own = rounds(results, scenario, 64, ROSTER)
        yield Target(f"CPU time of the server per {scenario}, 64 connections, µs",
                     spread(one["cpu_server"] for one in own), *(limits if sqlite else (None, None)), enforced=False)
    for name, figure, limits in [("idle", "idle", (14, 11)), ("after 256 connections", "after_256", (48, 32))]:
        yield Target(f"resident memory, {name}, MiB", one_value(memory.get(figure)), *limits, enforced=False)
    yield Target("exec to ready, ms", spread(results.get("start", {}).get("milliseconds", [])), 60, 20, enforced=False)
    yield Target("page 1,000 of a list / page 1", block_ratio(flat.get("pages"), "page", 1000), 1.2, None)
    yield Target("read among 1,000,000 users / among 10,000", size_ratio(flat.get("sizes")), 1.3, None)
    yield Target("adding a member to a group of 100,000 / of 10", block_ratio(flat.get("groups"), "members"), 1.5, None)
    minutes = results.get("long", {}).get("minutes", [])
    drift = minutes[-1]["p99"] / minutes[1]["p99"] if len(minutes) > 1 else None
    yield Target("p99 of the last minute of ten / of the second", one_value(drift), 1.3, None)


def open_loop(results):
    for load in results.get("open", {}).get("loads", []):
        own, peer = load["servers"][ROSTER], load["servers"][PEER]
        unrivalled = not all(one["sustained"] for one in peer)
        for name, limits in [("p50", (1, 0.5)), ("p99", (1, 0.5)), ("p99.9", (None, None))]:
            yield Target(f"open loop, {SCENARIOS[load['scenario']]}: {name}, roster / axum-sqlx",
                         ratio(own, peer, name.replace(".", "")), *limits, unrivalled=unrivalled)


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
