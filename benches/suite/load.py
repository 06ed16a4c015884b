"""The load: closed loop with wrk, open loop with benches/open-loop, both in interleaved rounds."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import servers

# A round in which other machines used more cores than this is repeated.
STOLEN_LIMIT = 0.2
# Seconds of unmeasured load before each measurement.
WARM_UP = 1
# The connections of the open loop, and of the closed loop that measures the capacity.
OPEN_CONNECTIONS = 64


@dataclass
class Contender:
    """A server in a comparison, with the requests that it receives."""

    name: str
    server: servers.Server
    load: list


class Generator:
    def __init__(self, directory, open_loop, database_pid):
        self.directory = directory
        self.open_loop = open_loop
        self.database_pid = database_pid
        self.runs = 0

    def closed(self, contenders, connections, rounds, seconds):
        """Measures with wrk. Returns the rounds of each contender. A failed request fails the run."""
        def measure(contender):
            result = self.wrk(contender, connections, seconds)
            if result.pop("failed"):
                sys.exit(f"{contender.name}: requests failed with {connections} connections")
            return result

        return interleaved(contenders, rounds, measure)

    def wrk(self, contender, connections, seconds):
        self._wrk(contender, connections, WARM_UP)
        pids = contender.server.pid, self.database_pid
        before, stolen = cpu(*pids), servers.stolen_seconds()
        result = self._wrk(contender, connections, seconds)
        after, stolen = cpu(*pids), servers.stolen_seconds() - stolen
        count, elapsed = result.pop("requests"), result.pop("micros") / 1e6
        # A slow server may not respond at all in a short round.
        used = {name: (after[name] - before[name]) * 1e6 / max(count, 1) for name in after}
        rate = (count - result["failed"]) / elapsed
        return {"requests_per_second": rate, **result, **used, "stolen_cores": stolen / elapsed}

    def _wrk(self, contender, connections, seconds):
        command = self._command(contender, connections, seconds)
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        return json.loads(output.rpartition("RESULT ")[2])

    def _command(self, contender, connections, seconds):
        entries = ", ".join(
            f"{{ weight = {weight}, ids = {quoted(str(request.ids))}, "
            f"parts = {{ {', '.join(map(quoted, request.parts()))} }} }}" for weight, request in contender.load)
        prefix = self._prefix()
        plan = self.directory / f"plan-{prefix}.lua"
        plan.write_text(f"return {{ {entries} }}\n")
        return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s",
                Path(__file__).with_name("load.lua"), f"http://{contender.server.address}", "--",
                plan, prefix, str(self.runs)]

    @contextmanager
    def in_background(self, contender, connections):
        """Loads a server until the block ends."""
        load = subprocess.Popen(self._command(contender, connections, 3600), stdout=subprocess.DEVNULL)
        try:
            time.sleep(WARM_UP)
            yield
            if load.poll() is not None:
                sys.exit(f"{contender.name}: the load in the background has ended")
        finally:
            servers.stop(load)

    def open(self, contender, rate, seconds, intervals, connections=OPEN_CONNECTIONS, may_refuse=False):
        """Sends requests at a fixed rate. Returns the percentiles of consecutive intervals of each length."""
        plan = {
            "address": contender.server.address, "connections": connections, "rate": rate, "warm_up": WARM_UP,
            "length": seconds, "intervals": intervals, "prefix": self._prefix(), "may_refuse": may_refuse,
            "entries": [{"weight": weight, "template": request.template(), "ids": str(request.ids)}
                        for weight, request in contender.load],
        }
        stolen = servers.stolen_seconds()
        output = subprocess.run([self.open_loop], input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True)
        stolen = servers.stolen_seconds() - stolen
        return {**json.loads(output.stdout), "stolen_cores": stolen / (WARM_UP + seconds)}

    def _prefix(self):
        """The first ten digits of the numbers of a run, which no earlier run used."""
        self.runs += 1
        return f"{int(time.time()) & 0xffffff:06x}{self.runs & 0xffff:04x}"


def interleaved(contenders, rounds, measure):
    """Measures every contender in turn in each round, in rotating order. Repeats a round if other machines used too
    much of this one, at most as often as there are rounds."""
    done, repeats = [], 0
    while len(done) < rounds:
        first = len(done) % len(contenders)
        result = {contender.name: measure(contender) for contender in contenders[first:] + contenders[:first]}
        if repeats < rounds and any(one["stolen_cores"] > STOLEN_LIMIT for one in result.values()):
            repeats += 1
            print(f"  a round is repeated: other machines used more than {STOLEN_LIMIT} cores", file=sys.stderr)
        else:
            done.append(result)
    return {contender.name: [result[contender.name] for result in done] for contender in contenders}


def throughput(rounds):
    """The median of the rounds."""
    return median(one["requests_per_second"] for one in rounds)


def cpu(server, database):
    """CPU seconds of the server, if it is known, and of the database. SQLite is part of the server."""
    used = {"cpu_server": servers.cpu_seconds(server)} if server else {}
    return {**used, "cpu_database": servers.cpu_seconds_of_family(database) if database else 0}


def quoted(text):
    """A string in Lua."""
    return '"' + "".join(f"\\{byte:03}" for byte in text.encode()) + '"'
