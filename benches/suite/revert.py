"""Measures the revert of 10,000 changes, the maximum of a request: of as many users, and of 200 members of each of 50 groups."""

import json
import time
from statistics import median
from urllib.request import Request, urlopen

from . import servers
from .report import table
from .testbed import BASE
from .workload import KEY

CHANGES = 10_000
GROUPS = 50
TIMEOUT = 300


class Api:
    """Sends requests with a key."""

    def __init__(self, server, key):
        self.base, self.key = f"http://{server.address}", key

    def send(self, method, path, body=None, media_type="application/json"):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": media_type}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with urlopen(Request(self.base + path, data, headers, method=method), timeout=TIMEOUT) as response:
            content = response.read()
        return json.loads(content.splitlines()[-1]) if content else None

    def update(self, title):
        """Creates or updates users."""
        users = [{"userName": f"revert{number}", "title": title} for number in range(CHANGES)]
        lines = "".join(json.dumps(user) + "\n" for user in users).encode()
        summary = self.send("POST", "/import?match=userName", lines, "application/x-ndjson")
        assert summary["refused"] == 0, summary

    def head(self):
        return self.send("GET", "/changes?limit=1")["head"]


def measure(bed):
    bed.databases.copy(BASE, "revert")
    times = {"users": [], "members": []}
    with servers.roster(bed.options.roster, bed.databases.url("revert")) as server:
        admin = Api(server, KEY)
        key = admin.send("POST", "/keys", {"role": "admin", "name": "script"})
        actor, script = {"type": "key", "id": key["id"]}, Api(server, key["secret"])
        admin.update("before")
        groups = create_groups(admin)
        for _ in range(bed.options.rounds):
            for what, change in (("users", lambda: script.update("after")), ("members", lambda: remove(script, groups))):
                after = admin.head()
                change()
                times[what].append(revert(admin, after, actor))
    rows = [(bed.databases.title, what, *(f"{median(part):.2f}" for part in zip(*rounds)))
            for what, rounds in times.items()]
    print(table("engine | 10,000 changes of | plan s | revert s", rows), flush=True)


def create_groups(admin):
    """Groups whose members are all users that a round updates."""
    users = []
    for number in range(CHANGES):
        found = admin.send("GET", f"/users?filter=userName%20eq%20%22revert{number}%22&attributes=id")
        users.append(found["items"][0]["id"])
    groups = []
    for number in range(GROUPS):
        group = admin.send("POST", "/groups", {"displayName": f"revert{number}"})["id"]
        admin.send("POST", f"/groups/{group}/members", {"userIds": users[number::GROUPS]})
        groups.append(group)
    return groups


def remove(script, groups):
    """Removes all members of the groups."""
    operation = {"op": "remove", "path": "members"}
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    for group in groups:
        script.send("PATCH", f"/scim/v2/Groups/{group}", body, "application/scim+json")


def revert(admin, after, actor):
    """Reverts what an actor did after a revision. Returns the seconds of the plan and of the revert."""
    selection = {"after": after, "until": admin.head(), "actor": actor}
    began = time.monotonic()
    plan = admin.send("POST", "/changes/revert", {**selection, "plan": True})
    planned = time.monotonic()
    report = admin.send("POST", "/changes/revert", {**selection, "plan": False, "head": plan["head"]})
    applied = time.monotonic()
    assert (report["changes"], report["conflictCount"], report["pending"]) == (CHANGES, 0, 0), report["changes"]
    return planned - began, applied - planned
