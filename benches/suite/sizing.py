"""The tables of docs/sizing.md, computed from figures in the repository. `benches/report sizing` prints them, and
`benches/report sizing --update` writes them into the page."""

import argparse
import json
import re
from math import ceil
from statistics import median

from . import machine
from .load import OPEN_CONNECTIONS
from .report import table
from .spreads import short
from .targets import rounds
from .workload import ROSTER

ROOT = machine.BENCHES.parent
PAGE = ROOT / "docs/sizing.md"
CORES = [2, 8, 32]
# The share of the processors that a load may use, so that latency stays low and a machine can fail.
UTILIZATION = 0.5
KINDS = {"read": "read by id", "page": "page of 50 users", "create": "create", "patch": "change of a user",
         "member": "new member of a group"}
WRITES = ["create", "patch", "member"]
ENGINES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "network": "PostgreSQL with a network"}
GB, MIB = 1e9, 2**20
# PostgreSQL's defaults of max_connections and superuser_reserved_connections.
MAX_CONNECTIONS, RESERVED = 100, 3


def main(arguments):
    parser = argparse.ArgumentParser(prog="benches/report sizing", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the tables into docs/sizing.md")
    tables = Sizing(load()).tables()
    if parser.parse_args(arguments).update:
        PAGE.write_text(updated(PAGE.read_text(), tables))
    else:
        print(*(f"## {name}\n\n{text}" for name, text in tables.items()), sep="\n")


def load():
    return json.loads((machine.BENCHES / "results/results.json").read_text())


def updated(page, tables):
    """The page with current tables. Fails if it names a table that does not exist, or lacks one."""
    named = re.findall(r'<!-- The table "(.*)" of benches/report sizing. -->', page)
    if sorted(named) != sorted(tables):
        raise SystemExit(f"docs/sizing.md has the tables {named} instead of {list(tables)}")
    for name, text in tables.items():
        begin = f'<!-- The table "{name}" of benches/report sizing. -->\n'
        page = re.sub(f"{re.escape(begin)}.*?<!-- End. -->", lambda _: f"{begin}{text}<!-- End. -->", page, flags=re.S)
    return page


class Sizing:
    def __init__(self, results):
        self.results = results
        self.settings = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))

    def tables(self):
        return {"Sources": self.sources(), "Processor time": self.processor_time(),
                "Requests per second": self.requests(), "Writes of one tenant": self.one_tenant(),
                "Disk": self.disk(), "Memory": self.memory(), "Connections": self.connections(),
                "Network": self.network()}

    def sources(self):
        """The runs of benches/run that the tables use."""
        runs = [(part, name, self.results[engine]["measured"][part])
                for part in ("closed", "storage", "costs") for engine, name in ENGINES.items()
                if part in self.results[engine]]
        return table("part of `benches/run` | engine | date | commit | processor | cores", [
            (part, name, run["date"][:10], run["commit"], run["processor"], run["cores"])
            for part, name, run in runs])

    def rounds(self, engine, kind, connections=OPEN_CONNECTIONS):
        """The part `costs` has the kinds that `closed` lacks."""
        if kind in ("patch", "member"):
            return self.results[engine]["costs"]["loads"][kind] if connections == OPEN_CONNECTIONS else []
        return rounds(self.results[engine], kind, connections, ROSTER)

    def median(self, engine, kind, figure, connections=OPEN_CONNECTIONS):
        return median(one[figure] for one in self.rounds(engine, kind, connections))

    def processor_time(self):
        rows = []
        for kind, name in KINDS.items():
            sqlite, server = (self.median(engine, kind, "cpu_server") for engine in ("sqlite", "postgres"))
            database = self.median("postgres", kind, "cpu_database")
            rows.append((name, short(sqlite), short(server), short(database), f"{database / server:.1f}"))
        header = "µs per request | SQLite: server | PostgreSQL: server | PostgreSQL: database | database / server"
        return table(header, rows)

    def requests(self):
        """A write is limited by the writer as well: one of SQLite, or one tenant's on PostgreSQL."""
        machines = [("server with SQLite", "sqlite", "cpu_server", "sqlite"),
                    ("server with PostgreSQL", "postgres", "cpu_server", "postgres"),
                    ("PostgreSQL", "postgres", "cpu_database", None)]
        rows = [(kind_name, machine_name, *self.rates(kind, self.median(engine, kind, figure), writer))
                for kind, kind_name in KINDS.items() for machine_name, engine, figure, writer in machines]
        return table(" | ".join(["requests/s", "one", *(f"{cores} cores" for cores in CORES)]), rows)

    def rates(self, kind, micros, writer):
        limit = self.median(writer, kind, "requests_per_second") if writer and kind in WRITES else float("inf")
        for cores in CORES:
            rate = capacity(cores, micros)
            yield thousands(rate) if rate <= limit else f"{thousands(limit)}*"

    def one_tenant(self):
        """With one connection, a write waits for its own commit alone."""
        delays = self.results["network"]["closed"]["delays"]
        slow = f"PostgreSQL, commit {delays['commit']:.1f} ms, round trip {delays['round_trip']:.1f} ms"
        rows = [(slow if engine == "network" else name, short(self.median(engine, "create", "p50", 1) / 1000),
                 *(thousands(self.median(engine, "create", "requests_per_second", each)) for each in (1, 64, 256)))
                for engine, name in ENGINES.items()]
        header = "creates/s of one tenant | p50 of one client, ms | 1 connection | 64 connections | 256 connections"
        return table(header, rows)

    def disk(self):
        rows = []
        for what, figure in [("user, with the change of its creation", "bytes_per_user"),
                             ("later change of one attribute", "bytes_per_change")]:
            sizes = [self.results[engine]["costs"][figure] for engine in ("sqlite", "postgres")]
            rows.append((f"bytes per {what}", *(f"{size:.0f}" for size in sizes)))
            rows.append((f"number in a GB: {what}", *(thousands(GB / size) for size in sizes)))
        create = self.results["postgres"]["storage"]["wal_per_create"][str(OPEN_CONNECTIONS)]
        log = {"create": create, **{KINDS.get(kind, kind): wal_bytes(operation) for kind, operation in
                                    [("patch", "patch"), ("member", "member-add"), ("deletion of a user", "delete")]}}
        rows += [(f"bytes of write-ahead log: {what}", "", f"{size:.0f}") for what, size in log.items()]
        limit = self.median("postgres", "create", "requests_per_second")
        rows.append(("MB/s of write-ahead log at the limit of one tenant's creates", "", short(limit * create / 1e6)))
        return table("disk | SQLite | PostgreSQL", rows)

    def memory(self):
        rows = []
        for what, figure in [("idle", "idle"), ("after 256 connections", "after_256"),
                             ("peak of the benchmark", "peak")]:
            own = (self.results[engine]["closed"]["memory"][ROSTER][figure] for engine in ("sqlite", "postgres"))
            rows.append((f"server, {what}", *map(short, own)))
        followers = int(self.settings["ROSTER_FOLLOWERS"]) * follower_kib() / 1024
        unread = int(self.settings["ROSTER_UNREAD_LIMIT"]) / MIB
        peaks = [self.results[engine]["closed"]["memory"][ROSTER]["peak"] for engine in ("sqlite", "postgres")]
        rows.append(("each waiting follower, KiB", short(follower_kib()), ""))
        rows.append(("`ROSTER_FOLLOWERS` waiting followers", short(followers), short(followers)))
        rows.append(("`ROSTER_UNREAD_LIMIT`", short(unread), short(unread)))
        rows.append(("sum of the peak, the followers and the unread responses",
                     *(short(peak + followers + unread) for peak in peaks)))
        return table("memory, MiB | SQLite | PostgreSQL", rows)

    def connections(self):
        own = postgres_connections(int(self.settings["ROSTER_DATABASE_READERS"]))
        rows = [("connections to PostgreSQL, per server", own),
                ("servers for the default `max_connections` of PostgreSQL", (MAX_CONNECTIONS - RESERVED) // own)]
        rows += [(f"client connections of a server, {cores} cores", thousands(cores * per_worker())) for cores in CORES]
        return table("connections | number", rows)

    def network(self):
        rows = []
        for kind, body in [("read", "user"), ("page", "page")]:
            size = self.results["sqlite"]["costs"]["body_bytes"][body]
            rates = (capacity(cores, self.median("sqlite", kind, "cpu_server")) for cores in CORES)
            rows.append((KINDS[kind], thousands(size), *(thousands(rate * size * 8 / 1e6) for rate in rates)))
        return table(" | ".join(["response bodies", "bytes", *(f"Mbit/s, {cores} cores" for cores in CORES)]), rows)


def capacity(cores, micros):
    """Requests per second that use the allowed share of the processors."""
    return cores * 1e6 * UTILIZATION / micros


def thousands(value):
    """Three significant digits, because no figure is more precise than that."""
    digits = max(len(str(int(value))) - 3, 0)
    return f"{round(value, -digits):,.0f}"


def wal_bytes(operation):
    costs = (machine.BENCHES / "costs.txt").read_text()
    return float(re.search(rf"^Postgres {operation} wal-bytes (.*)$", costs, re.MULTILINE)[1])


def follower_kib():
    """The table of followers in docs/performance.md: memory of the server in MiB without and with 10,000 streams."""
    page = (ROOT / "docs/performance.md").read_text()
    before, after = re.search(r"^\| streams, SQLite \| ([\d.]+); ([\d.]+) \|", page, re.MULTILINE).groups()
    return (float(after) - float(before)) * 1024 / 10_000


def postgres_connections(readers):
    """Readers of rows and as many of pages, writers, and the listener for changes."""
    writers = re.search(r"^const WRITERS: usize = (\d+);", (ROOT / "src/config.rs").read_text(), re.MULTILINE)[1]
    return 2 * readers + int(writers) + 1


def per_worker():
    source = (ROOT / "src/http/server/mod.rs").read_text()
    return int(re.search(r"MAX_CONNECTIONS_PER_WORKER: usize = ([\d_]+);", source)[1].replace("_", ""))
