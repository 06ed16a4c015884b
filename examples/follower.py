"""Keeps a copy of a tenant's users, groups and members in a SQLite database.

Usage: ROSTER_KEY=… python follower.py --url URL --key-env ROSTER_KEY --database FILE [--once]

Requires Python 3.11 and httpx. A key with the role `reader` is sufficient. With --once, the follower stops when its
copy has reached the head. docs/keep-a-copy-in-sync.md explains the protocol and the rules for applying a change.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]

WAIT = 30  # How long the server holds a request while there are no changes, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # The pauses between retries, in seconds.

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, version INTEGER NOT NULL, attributes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS groups (id TEXT PRIMARY KEY, version INTEGER NOT NULL, attributes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS members (group_id TEXT, user_id TEXT, PRIMARY KEY (group_id, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL, epoch TEXT NOT NULL, digest TEXT NOT NULL, consistent_from INTEGER);
"""


@dataclass(frozen=True)
class Position:
    """The revision that the copy has reached.

    The copy equals the source only from `consistent_from` on, because an export is read while others write. This
    revision is not known before the first page of changes.
    """

    revision: int
    epoch: str
    digest: str
    consistent_from: int | None = None


class Diverged(Exception):
    """The copy differs from the source: this program has an error, or another program changed the copy."""


def digest_of(*parts: str | int) -> int:
    """Returns the digest of one resource, for example of ("user", id, version)."""
    return int.from_bytes(hashlib.sha256(":".join(map(str, parts)).encode()).digest()[:8], "big")


class Copy:
    """The copy. Each method that changes the tables also updates `digest`, which is the XOR over all resources."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")  # Other programs can read the copy at any time.
        self.db.execute("PRAGMA secure_delete = ON")  # Deleted values are overwritten.
        self.db.executescript(SCHEMA)
        self.digest = 0

    def position(self) -> Position | None:
        row = self.db.execute("SELECT revision, epoch, digest, consistent_from FROM position").fetchone()
        return Position(*row) if row else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits the rows together with the position that `save` stores, or neither."""
        position = self.position()
        self.digest = int(position.digest, 16) if position else 0
        with self.db:
            yield

    def save(self, position: Position) -> None:
        values = (position.revision, position.epoch, position.digest, position.consistent_from)
        self.db.execute("INSERT OR REPLACE INTO position VALUES (1, ?, ?, ?, ?)", values)

    def clear(self) -> None:
        for table in ("users", "groups", "members"):
            self.db.execute(f"DELETE FROM {table}")
        self.digest = 0

    def apply(self, row: Json) -> None:
        """Applies a change. After an export, the copy may already contain this change and later ones."""
        match row["type"]:
            case "user.created" | "group.created":
                held = self.read(row["resource"], row["id"])
                if held is None or row["version"] >= held[0]:
                    self.put(row["resource"], row["id"], row["version"], row["after"] or {})
            case "user.updated" | "group.updated":
                self.update(row["resource"], row["id"], row["version"], row["after"] or {})
            case "user.deleted" | "group.deleted":
                self.delete(row["resource"], row["id"], row["version"])
            case "member.added":
                self.add_member(row["groupId"], row["userId"])
                self.update("group", row["groupId"], row["version"], {})
            case "member.removed":
                self.remove_members("group_id = ? AND user_id = ?", row["groupId"], row["userId"])
                self.update("group", row["groupId"], row["version"], {})

    def update(self, kind: str, id: str, version: int, changed: Json) -> None:
        """Merges changed attributes, including those of equal versions: all rows of one request have one version."""
        held = self.read(kind, id)
        if held is not None and version >= held[0]:
            self.put(kind, id, version, held[1] | changed)

    def delete(self, kind: str, id: str, version: int) -> None:
        """Deletes a user or group, unless the copy contains the later version of a restored one.

        The members are removed in either case. If the group was restored, rows that follow add them again.
        """
        held = self.read(kind, id)
        if held is not None and version > held[0]:
            self.remove(kind, id)
        if kind == "group":
            self.remove_members("group_id = ?", id)

    def read(self, kind: str, id: str) -> tuple[int, Json] | None:
        """Returns the version and the attributes."""
        row = self.db.execute(f"SELECT version, attributes FROM {kind}s WHERE id = ?", (id,)).fetchone()
        return (row[0], json.loads(row[1])) if row else None

    def put(self, kind: str, id: str, version: int, attributes: Json) -> None:
        self.remove(kind, id)
        values = (id, version, json.dumps(attributes, ensure_ascii=False))
        self.db.execute(f"INSERT INTO {kind}s VALUES (?, ?, ?)", values)
        self.digest ^= digest_of(kind, id, version)

    def remove(self, kind: str, id: str) -> None:
        for (version,) in self.db.execute(f"DELETE FROM {kind}s WHERE id = ? RETURNING version", (id,)).fetchall():
            self.digest ^= digest_of(kind, id, version)

    def add_member(self, group: str, user: str) -> None:
        if self.db.execute("INSERT OR IGNORE INTO members VALUES (?, ?)", (group, user)).rowcount:
            self.digest ^= digest_of("member", group, user)

    def remove_members(self, condition: str, *ids: str) -> None:
        for group, user in self.db.execute(f"DELETE FROM members WHERE {condition} RETURNING *", ids).fetchall():
            self.digest ^= digest_of("member", group, user)


def lines(chunks: Iterable[bytes]) -> Iterator[Json]:
    """Yields the JSON values of NDJSON. httpx's iter_lines also splits at U+2028, which JSON strings may contain."""
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, complete)


def take_export(roster: httpx.Client, copy: Copy) -> None:
    """Replaces the copy in one transaction, so other programs see the old copy until the export is complete."""
    with roster.stream("GET", "/export") as response, copy.transaction():
        response.raise_for_status()
        copy.clear()
        for line in lines(response.iter_bytes()):
            match line:
                case {"revision": int(revision), "epoch": str(epoch)}:
                    start = revision, epoch
                case {"resource": "user" | "group" as kind}:
                    copy.put(kind, line["id"], line["version"], line["after"])
                case {"resource": "member"}:
                    copy.add_member(line["groupId"], line["userId"])
                case {"end": True}:
                    copy.save(Position(*start, f"{copy.digest:016x}"))
                    return log(f"took an export at revision {start[0]}")
        raise httpx.RemoteProtocolError("the export is incomplete")


def apply_page(copy: Copy, position: Position, page: Json) -> None:
    """Applies a page of changes and commits it, unless the digests differ."""
    consistent_from = position.consistent_from if position.consistent_from is not None else page["head"]
    with copy.transaction():
        for row in page["items"]:
            copy.apply(row)
        digest = f"{copy.digest:016x}"
        # The digest is null if the change was recorded by a release without digests.
        if page["next"] >= consistent_from and page.get("digest") not in (digest, None):
            raise Diverged(f"revision {page['next']}: the copy has digest {digest}, the source {page['digest']}")
        copy.save(Position(page["next"], page["epoch"], digest, consistent_from))
    if any(row["type"] == "user.erased" for row in page["items"]):
        copy.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # Removes the values from the write-ahead log as well.


def step(roster: httpx.Client, copy: Copy, wait: int) -> bool:
    """Takes an export or applies a page of changes. Returns whether the copy has reached the head."""
    position = copy.position()
    if position is not None:
        query = {"after": position.revision, "limit": 500, "wait": wait}
        response = roster.get("/changes", params=query)
        if response.status_code != httpx.codes.GONE:
            page = response.raise_for_status().json()
            if page["epoch"] == position.epoch:
                apply_page(copy, position, page)
                return bool(page["next"] == page["head"])
        log("the history after this position is gone")
    take_export(roster, copy)
    return False


def retrying(attempt: Callable[[], bool]) -> bool:
    """Repeats an attempt with exponential backoff until the server responds."""
    pause = FIRST_PAUSE
    while True:
        try:
            return attempt()
        except httpx.TransportError as error:
            reason, wait = repr(error), 0.0
        except httpx.HTTPStatusError as error:
            status, retry_after = error.response.status_code, error.response.headers.get("Retry-After", "")
            if status != httpx.codes.TOO_MANY_REQUESTS and status < 500:
                raise
            reason, wait = f"status {status}", float(retry_after) if retry_after.isdecimal() else 0.0
        wait = max(wait, pause * random.uniform(0.5, 1.0))
        log(f"{reason}; retrying in {wait:.1f} s")
        time.sleep(wait)
        pause = min(2 * pause, LONGEST_PAUSE)


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description="Keeps a copy of a Roster tenant in a SQLite database.")
    options.add_argument("--url", required=True, help="The address of the server.")
    options.add_argument("--key-env", default="ROSTER_KEY", help="The environment variable that contains the key.")
    options.add_argument("--database", required=True, help="The file of the copy.")
    options.add_argument("--once", action="store_true", help="Stop when the copy has reached the head.")
    given = options.parse_args()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))  # A transaction that is in progress is rolled back.
    copy = Copy(given.database)
    headers = {"Authorization": f"Bearer {os.environ[given.key_env]}"}
    timeout = httpx.Timeout(10, read=WAIT + 30)
    with httpx.Client(base_url=given.url, headers=headers, timeout=timeout) as roster:
        while not (retrying(lambda: step(roster, copy, 0 if given.once else WAIT)) and given.once):
            pass
    log(f"reached the head: {copy.position()}")


if __name__ == "__main__":
    try:
        main()
    except (Diverged, httpx.HTTPStatusError) as error:
        sys.exit(str(error))
