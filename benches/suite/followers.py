"""Followers of the change feed: latency after a commit, memory while they wait, and their effect on creates."""

import resource
import socket
import threading
import time
from contextlib import ExitStack

from . import servers, workload
from .load import Contender, interleaved
from .report import figure, middle, table
from .spreads import ratio, text
from .testbed import BASE

FOLLOWERS = 10_000
# Followers that connect before the next ones, so that the memory is that of waiting requests.
AT_ONCE = 100
CREATES = 500
CONNECTIONS = 64
# The tenant of the followers that are idle while another tenant is written to.
QUIET = "quiet"


def measure(bed):
    # Each follower has a connection, in this process and in the server.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rows = [*latencies(bed), *(memory(bed, name, path, headers) for name, path, headers in FORMS)]
    print(table("engine | followers | measurement | result", rows), flush=True)
    print(effect(bed), flush=True)


FORMS = [("long polls", "/changes?after={head}&wait=60", {}),
         ("streams", "/changes?after={head}", {"Accept": "text/event-stream"})]


def start(bed, copy):
    limits = {"ROSTER_FOLLOWERS": "20000", "ROSTER_FOLLOWERS_PER_KEY": "20000"}
    return servers.roster(bed.options.roster, bed.databases.url(copy), limits)


def follow(server, path, headers):
    """Sends a request that is not answered yet, and returns its socket."""
    host, port = server.address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**workload.AUTHORIZED, **headers}.items())
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode())
    return connection


def follow_all(server, path, headers):
    followers = []
    while len(followers) < FOLLOWERS:
        followers += [follow(server, path, headers) for _ in range(AT_ONCE)]
        time.sleep(0.03)
    time.sleep(2)
    return followers


def latencies(bed):
    """Milliseconds from the response of a create until a stream has its event, on the same and on another server."""
    bed.databases.copy(BASE, "latency")
    with ExitStack() as stack:
        names = ["same server"] + (["other server"] if bed.databases.pid else [])
        running = {name: stack.enter_context(start(bed, "latency")) for name in names}
        client = servers.Client(running["same server"].address)
        head = client.json("GET", "/changes?limit=1")["head"]
        received = {name: receive(server, head) for name, server in running.items()}
        created = {}
        for number in range(CREATES):
            name = f"followed-{number}"
            client.ask("POST", "/users", workload.compact({"userName": name}))
            created[name] = time.perf_counter()
            # Does not divide the interval at which a server looks for the commits of others.
            time.sleep(0.013)
        time.sleep(1)
        for name, times in received.items():
            if missing := created.keys() - times.keys():
                raise SystemExit(f"{name}: {len(missing)} events are missing")
            after = sorted((times[user] - created[user]) * 1000 for user in created)
            result = f"p50 {after[len(after) // 2]:.1f} ms, p99 {after[len(after) * 99 // 100]:.1f} ms"
            yield bed.databases.title, 1, f"event after the response, {name}", result


def receive(server, head):
    """The times at which a stream receives the events of users, in the background."""
    connection, times = follow(server, f"/changes?after={head}", {"Accept": "text/event-stream"}), {}

    def read():
        rest = b""
        while received := connection.recv(1 << 16):
            now, (*events, rest) = time.perf_counter(), (rest + received).split(b"\n\n")
            for event in events:
                _, found, user = event.partition(b'"userName":"')
                if found:
                    times[user.split(b'"', 1)[0].decode()] = now

    threading.Thread(target=read, daemon=True).start()
    return times


def memory(bed, name, path, headers):
    bed.databases.copy(BASE, "memory")
    with start(bed, "memory") as server:
        client = servers.Client(server.address)
        head = client.json("GET", "/changes?limit=1")["head"]
        before, _ = servers.memory(server.pid)
        followers = follow_all(server, path.format(head=head), headers)
        after, _ = servers.memory(server.pid)
        for follower in followers:
            follower.close()
    bed.databases.remove("memory")
    return bed.databases.title, f"{FOLLOWERS} {name}", "memory before; with them, MiB", f"{before:.1f}; {after:.1f}"


def effect(bed):
    """Creates while other followers of the same server are idle, relative to creates without followers."""
    with ExitStack() as stack:
        running = {}
        for name, copy in [("none", "unfollowed"), (f"{FOLLOWERS} idle streams", "followed")]:
            bed.databases.copy(BASE, copy)
            running[name] = stack.enter_context(start(bed, copy))
        idle = list(running)[1]
        servers.Client(running[idle].address).ask("POST", "/tenants", workload.compact({"name": QUIET}))
        headers = {"Accept": "text/event-stream", "Roster-Tenant": QUIET}
        followers = follow_all(running[idle], "/changes", headers)
        load = workload.load(bed.requests(workload.ROSTER), "create")
        contenders = [Contender(name, server, load) for name, server in running.items()]
        rounds = interleaved(contenders, bed.options.rounds,
                             lambda one: bed.generator.wrk(one, CONNECTIONS, bed.options.seconds))
        for follower in followers:
            follower.close()
    rows = [(bed.databases.title, name, figure(own, "requests_per_second"),
             text(ratio(own, rounds["none"], "requests_per_second")), middle(own, "p99", 1000))
            for name, own in rounds.items()]
    return table(f"engine | followers | creates/s, {CONNECTIONS} connections | ratio | p99 ms", rows)
