"""The part `flat`: whether latency stays flat as pages, groups and tables grow."""

from contextlib import ExitStack
from statistics import median

from . import servers, workload
from .load import OPEN_CONNECTIONS, Contender
from .phases import closed_group
from .testbed import BASE, walk

PAGES = [1, 10, 100, 500, 1000, 2000]
# The members of the groups, or all users if there are fewer.
GROUPS = [10, 1_000, 100_000]
# Repetitions of a request over one connection in each block.
REPETITIONS = 60
SEARCHES = 100


def flat(bed):
    """Latencies by page number, size of the group, and number of users."""
    results = {}
    with bed.roster(BASE) as server:
        client = servers.Client(server.address)
        results["pages"] = pages(bed, client)
        results["search"] = search(bed, client)
    bed.databases.copy(BASE, "members")
    with bed.roster("members") as server:
        results["groups"] = groups(bed, servers.Client(server.address))
    bed.databases.remove("members")
    return {**results, "sizes": sizes(bed)}


def pages(bed, client):
    cursors = ["", "", *(f"&cursor={cursor}" for cursor in walk(client, max(PAGES)))]
    numbers = [number for number in PAGES if number < len(cursors)]

    def read(page):
        client.ask("GET", f"/users?limit=50{cursors[page]}")
        return client.micros

    results = blocks(bed, [lambda _, page=page: read(page) for page in numbers], REPETITIONS)
    return [{"page": page, "blocks": own} for page, own in zip(numbers, results)]


def search(bed, client):
    """A SCIM search by e-mail address, as identity providers send it. tests/plans verifies its plan."""
    ids = bed.ids().read_text().splitlines()[:SEARCHES]
    addresses = [client.json("GET", f"/users/{id}")["emails"][0]["value"] for id in ids]

    def find(number):
        results = client.json("GET", f"/scim/v2/Users?filter=emails.value%20eq%20%22{addresses[number]}%22")
        if results["totalResults"] != 1:
            raise SystemExit(f"{addresses[number]}: {results['totalResults']} users instead of one")
        return client.micros

    return {"users": bed.options.users, "blocks": blocks(bed, [find], len(addresses))[0]}


def groups(bed, client):
    """Adds a member to groups of different sizes, and removes it outside the measured time."""
    ids = bed.ids().read_text().splitlines()
    sizes = [min(size, len(ids)) for size in GROUPS]
    created = [create_group(client, ids[:size]) for size in sizes]
    newcomers = [client.json("POST", "/users", workload.compact({"userName": f"newcomer-{number}@example.com"}))["id"]
                 for number in range(REPETITIONS)]

    def add(group, newcomer):
        path = f"/groups/{group}/members/{newcomer}"
        client.ask("PUT", path)
        micros = client.micros
        client.ask("DELETE", path)
        return micros

    requests = [lambda number, group=group: add(group, newcomers[number]) for group in created]
    return [{"members": size, "blocks": own} for size, own in zip(sizes, blocks(bed, requests, REPETITIONS))]


def create_group(client, members):
    group = client.json("POST", "/groups", workload.compact({"displayName": f"{len(members)} members"}))["id"]
    for begin in range(0, len(members), 1_000):
        batch = workload.compact({"userIds": members[begin:begin + 1_000]})
        client.ask("POST", f"/groups/{group}/members", batch)
    return group


def sizes(bed):
    """Reads by id with 64 connections, by the number of users."""
    users = bed.options.users
    counts = {"small": users // 10, BASE: users, "large": users * 10}
    bed.fill("small", counts["small"])
    bed.fill("large", counts["large"])
    with ExitStack() as stack:
        contenders = [
            Contender(name, stack.enter_context(bed.roster(name)),
                      workload.load(workload.roster(bed.ids(name), None), "read")) for name in counts]
        rounds = closed_group(bed, contenders, "read", OPEN_CONNECTIONS)["servers"]
    for name in ["small", "large"]:
        bed.databases.remove(name)
    return [{"users": count, "rounds": rounds[name]} for name, count in counts.items()]


def blocks(bed, requests, repetitions):
    """The median duration of each request in each block, in microseconds. Within a block, the requests take turns. Each
    receives the number of the repetition."""
    results = [[] for _ in requests]
    for _ in range(max(bed.options.rounds, 3)):
        times = [[request(number) for request in requests] for number in range(repetitions)]
        for own, micros in zip(results, zip(*times)):
            own.append(median(micros))
    return results
