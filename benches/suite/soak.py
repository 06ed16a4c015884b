"""Mixed load for a long time: memory, file descriptors, threads, latencies and size by minute. Fails if a response is
wrong or has an unexpected status, or if `roster check` finds a difference afterwards."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import linear_regression

from . import bulk, machine, plots, servers, workload
from .load import OPEN_CONNECTIONS, Contender, throughput
from .phases import CALIBRATION, SUSTAINED
from .report import TITLES, table
from .soak_checks import Checks
from .testbed import CURSORS, open_testbed, walk

NAME = "soak"
MINUTE = 60
# The share of the requests that write. `loads` depends on it: the weights of each kind are multiples of ten.
WRITES = 0.1
# The share of the capacity that is offered. The checks, the load generators and, with both engines, the other server need
# the rest of the processors.
SHARE = 0.25
# Users that the testbed creates before the soak, which needs a database whose digests are correct.
UNUSED = 200
FILTER = "/users?filter=userName%20eq%20%22{id}%22"
SCIM_FILTER = "/scim/v2/Users?filter=emails.value%20eq%20%22{id}%22"


def main(options, engines):
    """Soaks all engines at once, each with a quarter of its share of the machine. Returns whether everything was right."""
    imported, options.users = options.users, UNUSED
    with ExitStack() as stack:
        beds = [stack.enter_context(open_testbed(engine, options)) for engine in engines]
        loads = [prepare(bed, imported) for bed in beds]
        rates = [capacity(bed, load) * SHARE / len(beds) for bed, load in zip(beds, loads)]
        with ThreadPoolExecutor() as pool:
            results = list(pool.map(lambda one: Soak(*one).run(), zip(beds, loads, rates)))
        for bed, own in zip(beds, results):
            described = machine.describe(bed.databases, options)
            own["measured"] = {**described, "users": imported, "minutes": options.minutes}
            save(options.results / "soak.json", bed.engine, own)
    print(summary(dict(zip(engines, results))))
    failures = [f"{TITLES[engine]}: {failure}" for engine, own in zip(engines, results) for failure in own["failures"]]
    print(*failures, sep="\n", file=sys.stderr)
    return not failures


def prepare(bed, count):
    """Imports users, creates two groups, and returns the loads: reads and writes."""
    database, file = bed.databases.url(NAME), bed.file("users.ndjson")
    bulk.write_users(file, count)
    bed.databases.create(NAME)
    for command in (["migrate"], ["import", file]):
        bed.say(f"roster {command[0]}")
        roster(bed, *command)
    bed.save_ids(NAME)
    users = [json.loads(line) for line in file.read_text().splitlines()]
    bed.file("names").write_text("\n".join(user["userName"] for user in users))
    bed.file("emails").write_text("\n".join(user["emails"][0]["value"] for user in users))
    with servers.roster(bed.options.roster, database) as server:
        client = servers.Client(server.address)
        bed.file("cursors").write_text("\n".join(walk(client, CURSORS)))
        groups = [client.json("POST", "/groups", workload.compact({"displayName": name}))["id"] for name in "ab"]
    return mixed(bed, groups)


def roster(bed, *arguments):
    environment = {**os.environ, "DATABASE_URL": bed.databases.url(NAME)}
    done = subprocess.run([bed.options.roster, *arguments], env=environment, cwd="/", text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"roster {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def mixed(bed, groups):
    """The requests with their weights in percent of the reads and of the writes."""
    ids, key = bed.ids(NAME), workload.AUTHORIZED
    native, scim = workload.roster(ids, bed.file("cursors")), workload.scim("/scim/v2/Users", ids, key)
    [(_, scim_patch)] = workload.scim_patch(ids)
    return {
        "reads": [(50, native["read"]), (10, native["page"]), (10, scim["read"]),
                  (10, workload.Request(FILTER, bed.file("names"), headers=key)),
                  (10, workload.Request(SCIM_FILTER, bed.file("emails"), headers=key)),
                  (10, workload.Request("/users/{id}/groups", ids, headers=key))],
        "writes": [(20, native["create"]), (10, scim["create"]), (30, workload.patch(ids)), (20, scim_patch),
                   *((10, workload.Request(f"/groups/{group}/members/{{id}}", ids, "PUT", key)) for group in groups)],
    }


def capacity(bed, loads):
    """Requests per second in a closed loop, on a copy of the database."""
    shares = {"reads": 1 - WRITES, "writes": WRITES}
    load = [(round(weight * shares[kind]), request) for kind, own in loads.items() for weight, request in own]
    bed.databases.copy(NAME, "calibration")
    with servers.roster(bed.options.roster, bed.databases.url("calibration")) as server:
        rate = throughput(bed.closed([Contender("roster", server, load)], OPEN_CONNECTIONS, *CALIBRATION)["roster"])
    bed.databases.remove("calibration")
    bed.say(f"capacity {rate:.0f} requests/s")
    return rate


class Soak:
    """The load on one engine. The first failure ends it."""

    def __init__(self, bed, loads, rate):
        self.bed, self.loads, self.rate = bed, loads, rate
        self.stop, self.failures, self.latencies = threading.Event(), [], {}

    def run(self):
        bed, samples = self.bed, []
        bed.say(f"{bed.options.minutes} minutes of {self.rate:.0f} requests/s")
        with servers.roster(bed.options.roster, bed.databases.url(NAME)) as server:
            checks = Checks(server.address, self.stop)
            threads = [self.start(name, action) for name, action in checks.actions().items()]
            generators = [self.start(kind, lambda kind=kind: self.generate(server, kind)) for kind in self.loads]
            began = time.monotonic()
            for minute in range(bed.options.minutes + 1):
                if self.stop.wait(max(began + minute * MINUTE - time.monotonic(), 0)):
                    break
                self.guarded("sample", lambda minute=minute: samples.append(self.sample(server, minute)))
            if not self.failures:
                join(generators)
                self.stop.set()
                join(threads)
                self.guarded("end", checks.finish)
        # The server has stopped, so what remains fails and ends.
        join([*generators, *threads])
        checked = self.check()
        return {"rate": self.rate, "samples": samples, **self.latencies, "checks": checks.done, "roster_check": checked,
                "failures": self.failures}

    def start(self, name, action):
        thread = threading.Thread(target=self.guarded, args=(name, action), daemon=True)
        thread.start()
        return thread

    def guarded(self, name, action):
        """Records a failure, unless it can follow from an earlier one, which ended the load."""
        try:
            action()
        except Exception as error:
            if not self.failures:
                self.failures.append(f"{name}: {type(error).__name__}: {error}")
            self.stop.set()

    def generate(self, server, kind):
        share = WRITES if kind == "writes" else 1 - WRITES
        results = self.bed.generator.open(Contender(kind, server, self.loads[kind]), self.rate * share,
                                          self.bed.options.minutes * MINUTE, [MINUTE])
        [minutes] = results.pop("intervals")
        self.latencies[kind] = {**results, "minutes": minutes}
        if results["unanswered"] * SUSTAINED > results["requests"]:
            raise RuntimeError(f"{results['unanswered']} of {results['requests']} requests got no response in time")

    def sample(self, server, minute):
        process = Path(f"/proc/{server.pid}")
        taken = {"minute": minute, "memory_mib": servers.memory(server.pid)[0],
                 "file_descriptors": len(list(process.glob("fd/*"))), "threads": len(list(process.glob("task/*"))),
                 "database_mib": self.bed.databases.size(NAME) / 2**20}
        self.bed.say("; ".join(f"{name} {value:.0f}" for name, value in taken.items()))
        return taken

    def check(self):
        try:
            return roster(self.bed, "check")
        except SystemExit as error:
            self.failures.append(str(error))
            return "differences"


def join(threads):
    for thread in threads:
        thread.join()


def slope(samples, figure):
    """The growth per hour in the second half of the samples, when caches have filled."""
    half = samples[len(samples) // 2:]
    if len(half) < 2:
        return None
    return linear_regression([one["minute"] for one in half], [one[figure] for one in half]).slope * 60


def save(file, engine, own):
    """Replaces the results of an engine and draws its plot."""
    file.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**results, engine: own}, indent=1) + "\n")
    if own["samples"]:
        plots.draw_soak(TITLES[engine], own, file.parent)


def summary(results):
    header = ("engine | minutes | requests/s | memory, MiB: first minute; last | per hour "
              "| file descriptors: first; last | per hour | reads: p50; p99 ms | writes: p50; p99 ms | checks | failures "
              "| roster check")
    return table(header, [row(TITLES[engine], own) for engine, own in results.items()])


def row(title, own):
    samples = own["samples"][1:] or own["samples"]
    return (title, samples[-1]["minute"] if samples else 0, f"{own['rate']:.0f}", *trend(samples, "memory_mib", 1),
            *trend(samples, "file_descriptors", 0), worst(own.get("reads")), worst(own.get("writes")),
            sum(own["checks"].values()), len(own["failures"]), own["roster_check"])


def trend(samples, figure, digits):
    if not samples:
        return "", ""
    growth = slope(samples, figure)
    return (f"{samples[0][figure]:.{digits}f}; {samples[-1][figure]:.{digits}f}",
            "" if growth is None else f"{growth:+.{digits}f}")


def worst(load):
    """The worst minute of each percentile."""
    if not load:
        return ""
    return "; ".join(f"{max(minute[name] for minute in load['minutes']) / 1000:.2f}" for name in ("p50", "p99"))
