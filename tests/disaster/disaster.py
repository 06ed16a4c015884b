"""Plays a disaster: the scope of an identity provider is emptied, and its deactivations and deletions arrive in parallel.

Checks that the brake stops them exactly at its limit, that the inspector shows every request, and that a revert restores what
got through and nothing else. Prints the times.

Usage: ROSTER=BINARY python disaster.py DATABASE_URL SERVERS

DISASTER_USERS is the number of users (5,000) in 50 groups, and DISASTER_SEED the seed of the random order of requests.
"""

import collections
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any

import httpx
from acceptance import digest
from servers import Server, client, content, head, listed

Json = dict[str, Any]
Call = Callable[[httpx.Client], httpx.Response]

GROUPS = 50
CLIENTS = 32
# The number of users that an administrator edits during the sync.
EDITED = 100
SCIM = {"Content-Type": "application/scim+json"}
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@contextmanager
def timed(what: str, requests: int = 0) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    rate = f", {requests / seconds:,.0f} requests per second" if requests else ""
    print(f"{what}: {seconds:.2f} s{rate}", flush=True)


class Provider:
    """An identity provider that sends requests over many connections to all servers."""

    def __init__(self, servers: list[Server], token: str) -> None:
        self.servers, self.token, self.threads, self.count = servers, token, local(), 0

    def send(self, call: Call) -> httpx.Response:
        if not hasattr(self.threads, "client"):
            self.count += 1
            server = self.servers[self.count % len(self.servers)]
            self.threads.client = client(f"{server.url}/scim/v2", self.token)
            self.threads.client.headers.update(SCIM)
        return call(self.threads.client)

    def send_all(self, calls: list[Call]) -> list[httpx.Response]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(self.send, calls))


def create(path: str, body: Json) -> Call:
    return lambda scim: scim.post(path, json=body)


def delete(path: str) -> Call:
    return lambda scim: scim.delete(path)


def patch(target: str, /, **operation: Any) -> Call:
    return lambda scim: scim.patch(target, json={"schemas": [PATCH_OP], "Operations": [operation]})


def provision(provider: Provider, count: int) -> tuple[list[str], list[str]]:
    """Creates users, and groups that contain them. Returns their ids."""
    user = lambda n: {"userName": f"user{n}@example.com", "externalId": f"u{n}", "name": {"familyName": f"Family {n}"}}
    responses = provider.send_all([create("/Users", user(n)) for n in range(count)])
    users = [response.raise_for_status().json()["id"] for response in responses]
    members = lambda n: [{"value": id} for id in users[n::GROUPS]]
    group = lambda n: {"displayName": f"Group {n}", "externalId": f"g{n}", "members": members(n)}
    responses = provider.send_all([create("/Groups", group(n)) for n in range(GROUPS)])
    return users, [response.raise_for_status().json()["id"] for response in responses]


def removals(users: list[str], groups: list[str]) -> list[Call]:
    """Everything that the brake counts."""
    deactivate = [patch(f"/Users/{id}", op="replace", path="active", value=False) for id in users]
    return deactivate + [delete(f"/Users/{id}") for id in users] + [delete(f"/Groups/{id}") for id in groups]


def state(roster: httpx.Client) -> tuple[dict[Any, Json], set[Any]]:
    """Every resource without its version, and every membership."""
    live, members = content(roster)
    return {key: resource for key, (_, resource) in live.items()}, set(members)


def revert(roster: httpx.Client, connection: str, after: int) -> Json:
    body: Json = {"after": after, "until": head(roster)["head"], "actor": {"type": "connection", "id": connection}}
    with timed("plan of the revert"):
        plan: Json = roster.post("/changes/revert", json={**body, "plan": True}).raise_for_status().json()
    with timed("revert"):
        apply = {**body, "plan": False, "head": plan["head"]}
        roster.post("/changes/revert", json=apply, timeout=300).raise_for_status()
    return plan


def play(servers: list[Server], count: int, seed: int) -> None:
    admin = client(servers[0].url)
    connection = admin.post("/connections", json={"name": "Provider"}).raise_for_status().json()
    path = f"/connections/{connection['id']}"
    assert connection["brake"] == {"users": 20, "percent": 10, "hours": 24}, connection
    token = admin.post(f"{path}/tokens", json={}).raise_for_status().json()["secret"]
    provider = Provider(servers, token)
    with timed(f"provisioning of {count} users in {GROUPS} groups", count + GROUPS):
        users, groups = provision(provider, count)
    before, start = state(admin), head(admin)["head"]

    calls = removals(users, groups)
    random.Random(seed).shuffle(calls)
    edited = users[:: max(1, count // EDITED)]
    edit = lambda id: admin.patch(f"/users/{id}", json={"title": "Edited during the sync"})
    with timed(f"{len(calls)} deactivations and deletions", len(calls)), ThreadPoolExecutor(1) as pool:
        edits = [(id, pool.submit(edit, id)) for id in edited]
        responses = provider.send_all(calls)
    statuses = collections.Counter(response.status_code for response in responses)
    survivors = [id for id, response in edits if response.result().status_code == 200]

    limit = max(20, count // 10)
    removed = [change for change in changes(admin, start) if is_removal(change, connection["id"])]
    assert len(removed) == limit, f"{len(removed)} removals took effect, not {limit}: {statuses}"
    refused = [response for response in responses if response.status_code == 429]
    assert refused and all("retry-after" in response.headers for response in refused), statuses
    assert set(statuses) <= {200, 204, 404, 429}, statuses
    held = admin.get(path).raise_for_status().json()["held"]
    assert held and held["count"] == limit, held
    print(f"the brake held after {limit} of {len(calls)} requests: {dict(statuses)}")
    print(f"  {held['reason']}")

    with timed("inspection of the refused requests"):
        seen = wait_for_requests(admin, connection["id"], len(refused))
    assert {row["status"] for row in seen} == {429}, seen[0]
    one = seen[0]
    note = next(note for note in one["notes"] if note["code"] == "connection-held")
    print(f"the inspector shows {len(seen)} refused requests, such as {one['method']} {one['path']}: {note['detail']}")

    plan = revert(admin, connection["id"], start)
    assert plan["conflicts"] == [], plan["conflicts"][:3]
    for id in survivors:
        before[0]["user", id]["title"] = "Edited during the sync"
    after = state(admin)
    assert after == before, difference(before, after)
    source = content(admin)
    assert head(admin)["digest"] == digest(*source), "the digest of the history differs from that of the content"
    print("after the revert, everything is as before, apart from versions and revisions")

    admin.post(f"{path}/release", json={"allow": None}).raise_for_status()
    assert admin.get(path).raise_for_status().json()["held"] is None
    for server in servers:
        server.stop()
    servers[0].check()


def changes(roster: httpx.Client, after: int) -> Iterator[Json]:
    while True:
        page = roster.get("/changes", params={"after": after, "limit": 500}).raise_for_status().json()
        yield from page["items"]
        if page["next"] == page["head"]:
            return
        after = page["next"]


def is_removal(change: Json, connection: str) -> bool:
    deactivated = change["type"] == "user.updated" and change["after"].get("active") is False
    removed = deactivated or change["type"] in ("user.deleted", "group.deleted")
    return removed and change["actor"] == {"type": "connection", "id": connection}


def wait_for_requests(roster: httpx.Client, connection: str, count: int) -> list[Json]:
    """Waits until all refused requests have been recorded, which happens shortly after their responses."""
    deadline = time.monotonic() + 30
    path = f"/connections/{connection}/requests"
    while len(seen := list(listed(roster, path, note="connection-held"))) < count:
        assert time.monotonic() < deadline, f"{len(seen)} of {count} requests have been recorded"
        time.sleep(0.2)
    return seen


def difference(before: Any, after: Any) -> str:
    keys = [key for key in before[0].keys() | after[0].keys() if before[0].get(key) != after[0].get(key)]
    shown = [(key, before[0].get(key), after[0].get(key)) for key in keys[:3]]
    members = sorted(before[1] ^ after[1])
    return f"{len(keys)} resources and {len(members)} memberships differ: {shown} {members[:3]}"


def main() -> None:
    database, count = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("DISASTER_SEED", time.time()))
    print(f"DISASTER_SEED={seed}")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        url = database or f"sqlite://{directory}/roster.db"
        servers = [Server(url, directory / f"server-{number}.log") for number in range(count)]
        play(servers, int(os.environ.get("DISASTER_USERS", "5000")), seed)


if __name__ == "__main__":
    main()
