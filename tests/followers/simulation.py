"""A simulated source with random changes and failures, for situations that a test cannot cause in a real server.

It changes at every step of an export and between the pages of changes. It creates ids in random order, restores
deleted users and groups, blanks erased values, and records types that followers do not know.
"""

import hashlib
import json
import random
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from copies import Key, Members, Resource

Json = dict[str, Any]


class Directory:
    """Users, groups and members, with the history of their changes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.live: dict[Key, Resource] = {}
        self.deleted: dict[Key, tuple[int, Json, set[str]]] = {}  # with the members of a group
        self.erased: set[Key] = set()
        self.members: Members = set()
        self.epoch = self.new_id()
        self.rows: list[Json] = []
        self.digests = [self.digest()]

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def digest(self) -> str:
        texts = [f"{kind}:{id}:{version}" for (kind, id), (version, _) in self.live.items()]
        texts += [f"member:{group}:{user}" for group, user in self.members]
        total = 0
        for text in texts:
            total ^= int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
        return f"{total:016x}"

    def record(self, type: str, **fields: Any) -> None:
        resource = type.partition(".")[0]
        self.rows.append({"revision": len(self.rows) + 1, "type": type, "resource": resource, **fields})
        self.digests.append(self.digest())

    def attributes(self) -> Json:
        names = self.random.sample(["title", "displayName", "custom", "externalIds"], self.random.randint(1, 4))
        # U+2028 and U+0085 are line breaks for some programs, but not in NDJSON.
        return {name: f"{self.random.random()} \u2028\u0085 é" for name in names}

    def pick(self, kind: str, among: dict[Key, Any] | None = None) -> Key | None:
        keys = sorted(key for key in (self.live if among is None else among) if key[0] == kind)
        return self.random.choice(keys) if keys else None

    def change(self, times: int = 1) -> None:
        actions = [self.create] * 4 + [self.update] * 6 + [self.delete] * 3 + [self.restore] * 3
        actions += [self.change_members] * 8 + [self.erase, self.record_unknown]
        for _ in range(times):
            self.random.choice(actions)()

    def kind(self) -> str:
        return self.random.choice(["user", "user", "group"])

    def insert(self, key: Key, version: int, attributes: Json, members: set[str]) -> None:
        kind, id = key
        self.live[key] = (version, attributes)
        self.record(f"{kind}.created", id=id, version=version, before=None, after=attributes)
        for user in sorted(members):
            if ("user", user) in self.live:
                self.set_member(id, version, user, True)

    def create(self) -> None:
        kind, user = self.kind(), self.pick("user")
        members = {user[1]} if kind == "group" and user else set()
        self.insert((kind, self.new_id()), 1, {"name": self.new_id(), **self.attributes()}, members)

    def update(self, key: Key | None = None, new_version: bool = True) -> None:
        key = key or self.pick(self.kind())
        if key:
            version, attributes = self.live[key]
            version, changed = version + new_version, self.attributes()
            self.live[key] = (version, attributes | changed)
            self.record(f"{key[0]}.updated", id=key[1], version=version, before={}, after=changed)

    def set_member(self, group: str, version: int, user: str, present: bool) -> None:
        self.live["group", group] = (version, self.live["group", group][1])
        (self.members.add if present else self.members.discard)((group, user))
        type = "member.added" if present else "member.removed"
        self.record(type, groupId=group, userId=user, version=version)

    def change_members(self) -> None:
        """Changes members and sometimes attributes in one request, whose rows have one version."""
        group, users = self.pick("group"), sorted(key[1] for key in self.live if key[0] == "user")
        if group and users:
            version = self.live[group][0] + 1
            for user in self.random.sample(users, min(len(users), 3)):
                self.set_member(group[1], version, user, (group[1], user) not in self.members)
            if self.random.random() < 0.3:
                self.update(group, new_version=False)

    def delete(self, key: Key | None = None) -> Key | None:
        key = key or self.pick(self.kind())
        if key:
            kind, id = key
            for group, user in sorted(self.members):
                if user == id:
                    self.set_member(group, self.live["group", group][0] + 1, user, False)
            version, attributes = self.live.pop(key)
            self.deleted[key] = (version + 1, attributes, {user for group, user in self.members if group == id})
            self.members = {member for member in self.members if member[0] != id}
            self.record(f"{kind}.deleted", id=id, version=version + 1, before=attributes, after=None)
        return key

    def restore(self) -> None:
        key = self.pick(self.kind(), self.deleted)
        if key and key not in self.erased:
            version, attributes, members = self.deleted.pop(key)
            self.insert(key, version + self.random.randint(0, 1), attributes, members)

    def erase(self) -> None:
        if key := self.delete(self.pick("user")):
            self.erased.add(key)
            for row in self.rows:
                if row.get("id") == key[1]:
                    row.update(before=None, after=None, erased=True)
            self.record("user.erased", id=key[1], version=self.deleted[key][0], before=None, after=None)

    def record_unknown(self) -> None:
        self.record("user.suspended", id=self.new_id(), version=7, before=None, after={})
        self.record("device.created", id=self.new_id(), version=1, before=None, after={})

    def content(self) -> tuple[dict[Key, Resource], Members]:
        return dict(self.live), set(self.members)

    def export(self) -> Iterator[Json]:
        """Walks by id, in pages of three lines. The directory changes before each page."""
        yield {"revision": len(self.rows), "epoch": self.epoch, "digest": self.digests[-1]}
        for kind in ("user", "group"):
            last = ""
            while page := sorted(key for key in self.live if key[0] == kind and key[1] > last)[:3]:
                for _, last in page:
                    version, attributes = self.live[kind, last]
                    yield {"resource": kind, "id": last, "version": version, "after": attributes}
                self.change(self.random.randint(0, 4))
        member = ("", "")
        while members := sorted(key for key in self.members if key > member)[:3]:
            for member in members:
                group, user = member
                yield {"resource": "member", "groupId": group, "userId": user, "version": self.live["group", group][0]}
            self.change(self.random.randint(0, 4))
        yield {"end": True}


class Source(ThreadingHTTPServer):
    """Serves a directory. Each request uses up one of `failures`; each page of changes causes one of `changes`."""

    daemon_threads = True

    def __init__(self, directory: Directory) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.directory = directory
        self.failures: list[str] = []
        self.changes = 0
        self.exports = 0
        self.waiting = threading.Event()  # A request is waiting for changes.
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # A follower may close its connections at any time.
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Source

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        failure = self.server.failures.pop(0) if self.server.failures else ""
        if failure == "close":
            self.close_connection = True
        elif failure.isdecimal():
            self.respond(int(failure), {}, {"Retry-After": "0"} if failure == "503" else {})
        elif path == "/export":
            self.export(failure)
        else:
            self.page(int(query["after"][0]), int(query["wait"][0]))

    def page(self, after: int, wait: int) -> None:
        directory = self.server.directory
        if self.server.changes:
            self.server.changes -= 1
            directory.change()
        head = len(directory.rows)
        if after > head:
            self.respond(410, {"code": "gone", "earliest": 1, "head": head, "epoch": directory.epoch})
            return
        if wait and after == head:
            self.server.waiting.set()
            threading.Event().wait(wait)
        next = min(head, after + directory.random.randint(1, 30))
        items, digest = directory.rows[after:next], directory.digests[next]
        self.respond(200, {"items": items, "next": next, "head": head, "epoch": directory.epoch, "digest": digest})

    def export(self, failure: str) -> None:
        self.server.exports += 1
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, line in enumerate(self.server.directory.export()):
            if failure and number == 2:
                self.close_connection = True
                if failure == "cut":  # Otherwise, the body is complete, as some proxies make it.
                    return
                break
            data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def respond(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass
