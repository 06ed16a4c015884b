"""Requests beside the load whose responses are compared with what they must be. They have a tenant of their own, so
that the feed of changes is small enough to be followed completely."""

import json
import time
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import quote

from .workload import AUTHORIZED, compact

TENANT = "checks"
# Seconds between the starts of two runs of a check.
PAUSES = {"lifecycle": 0.1, "keys": 1, "export": 60}
PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
         "Operations": [{"op": "replace", "path": "active", "value": False}]}
SCIM = {"Content-Type": "application/scim+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}


class Session:
    """A keep-alive connection."""

    def __init__(self, address, headers):
        self.connection, self.headers = HTTPConnection(address, timeout=60), headers
        self.close = self.connection.close

    def open(self, method, path, status=200, body=None, headers=None):
        """Returns the response before its body. Fails if it has another status."""
        content = {} if body is None else {"Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else compact(body),
                                {**self.headers, **content, **(headers or {})})
        response = self.connection.getresponse()
        if response.status != status:
            raise AssertionError(f"{method} {path}: {response.status} instead of {status}: {response.read()[:500]}")
        return response

    def send(self, method, path, status=200, body=None, headers=None):
        content = self.open(method, path, status, body, headers).read()
        return json.loads(content) if content else None


class Checks:
    def __init__(self, address, stop):
        self.address, self.stop = address, stop
        self.done = {"lifecycle": 0, "keys": 0, "export": 0, "polled changes": 0, "streamed changes": 0}
        with closing(Session(address, AUTHORIZED)) as operator:
            operator.send("POST", "/tenants", 201, {"name": TENANT})
        with closing(self.session()) as session:
            self.group = session.send("POST", "/groups", 201, {"displayName": "Checked"})["id"]
        self.polled = 0

    def session(self, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {**AUTHORIZED, "Roster-Tenant": TENANT}
        return Session(self.address, headers)

    def actions(self):
        """What to do in a thread each, until `stop` is set."""
        repeated = {"lifecycle": self.lifecycle, "keys": self.keys, "export": self.export}
        return {**{name: lambda name=name, check=check: self.repeat(name, check) for name, check in repeated.items()},
                "poll": self.poll, "stream": self.stream}

    def repeat(self, name, check):
        due = time.monotonic()
        with closing(self.session()) as session:
            while not self.stop.wait(max(due - time.monotonic(), 0)):
                check(session, self.done[name])
                self.done[name] += 1
                due += PAUSES[name]

    def lifecycle(self, session, number):
        """Creates a user, changes it in both APIs, finds it, and deletes it."""
        name = f"checked-{number}"
        created = session.send("POST", "/users", 201, {"userName": name, "title": "Engineer"})
        path, member = f"/users/{created['id']}", f"/groups/{self.group}/members/{created['id']}"
        expect(session.send("GET", path), created)
        patched = session.send("PATCH", path, body={"displayName": name}, headers=MERGE)
        expect((patched["displayName"], patched["title"], patched["version"]), (name, "Engineer", 2))
        session.send("PUT", member, 204)
        expect([each["id"] for each in session.send("GET", f"{path}/groups")["items"]], [self.group])
        disabled = session.send("PATCH", f"/scim/v2/Users/{created['id']}", body=PATCH, headers=SCIM)
        expect((disabled["active"], disabled["displayName"]), (False, name))
        condition = quote(f'userName eq "{name}" and active eq false')
        found = session.send("GET", f"/users?filter={condition}")["items"]
        expect([(each["id"], each["version"]) for each in found], [(created["id"], 3)])
        session.send("DELETE", member, 204)
        session.send("DELETE", path, 204)
        session.send("GET", path, 404)

    def keys(self, session, number):
        """A key is valid until it is revoked."""
        key = session.send("POST", "/keys", 201, {"role": "reader", "name": f"checked {number}"})
        with closing(self.session(key["secret"])) as owner:
            expect(owner.send("GET", "/me")["id"], key["id"])
            owner.send("POST", "/users", 403, {"userName": "refused"})
            session.send("DELETE", f"/keys/{key['id']}", 204)
            owner.send("GET", "/me", 401)

    def export(self, _, number):
        """Exports the tenant of the load, and counts the lines."""
        counts, last = Counter(), {}
        with closing(Session(self.address, AUTHORIZED)) as session:
            for line in session.open("GET", "/export"):
                last = json.loads(line)
                counts[last.get("resource")] += 1
        expect(last, {"end": True, "users": counts["user"], "groups": counts["group"],
                      "members": counts["member"]})

    def poll(self):
        with closing(self.session()) as session:
            while not self.stop.is_set():
                self.read_changes(session, "&wait=2")

    def read_changes(self, session, wait=""):
        """Reads a page of changes, whose revisions have no gaps. Returns whether there was one."""
        page = session.send("GET", f"/changes?after={self.polled}&limit=500{wait}")
        revisions = [change["revision"] for change in page["items"]]
        expect(revisions, list(range(self.polled + 1, self.polled + 1 + len(revisions))))
        self.polled += len(revisions)
        self.done["polled changes"] = self.polled
        return bool(revisions)

    def stream(self):
        """Reads events, and comments that the server sends without events, until `stop` is set."""
        with closing(self.session()) as session:
            for line in session.open("GET", "/changes?after=0", headers={"Accept": "text/event-stream"}):
                if line.startswith(b"id: "):
                    self.done["streamed changes"] += 1
                    expect(int(line.rpartition(b":")[2]), self.done["streamed changes"])
                if self.stop.is_set():
                    return
        raise AssertionError("the stream ended")

    def finish(self):
        """After the last write, a follower has every change, and the tenant has no user left."""
        with closing(self.session()) as session:
            while self.read_changes(session):
                pass
            expect(session.send("GET", f"/changes?after={self.polled}")["head"], self.polled)
            expect(session.send("GET", "/users")["items"], [])


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual} instead of {expected}")
