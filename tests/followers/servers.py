"""Roster servers as processes, and the content of the source."""

import atexit
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from copies import Key, Members, Resource

Json = dict[str, Any]

KEY = "a-key-of-32-characters-or-longer-for-trying"
# Attributes that change rows do not contain: the follower keeps the id and the version in columns.
NOT_IN_CHANGES = {"id", "version", "createdAt", "updatedAt", "externalId", "memberCount"}


class Server:
    """A server that can be killed and restarted on the same address."""

    def __init__(self, database: str, log: Path) -> None:
        self.database, self.log = database, log
        self.listen = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        settings = {"ROSTER_ADMIN_KEY": KEY, "ROSTER_LISTEN": self.listen, "ROSTER_LOG_FORMAT": "json"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([os.environ["ROSTER"]], env=self.environment(**settings), stderr=log)
        atexit.register(self.process.kill)  # If a test fails, no process remains.
        deadline = time.monotonic() + 30
        while not (bound := re.search(r"listening on http://([^\" ]*)", self.log.read_text())):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        self.listen = bound[1]

    def environment(self, **settings: str) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.database, "RUST_LOG": "info", **settings}

    @property
    def url(self) -> str:
        return f"http://{self.listen}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0, self.log.read_text()

    def check(self) -> None:
        """Runs `roster check`, which must find nothing."""
        subprocess.run([os.environ["ROSTER"], "check"], env=self.environment(), check=True)

    def renew_epoch(self) -> None:
        subprocess.run([os.environ["ROSTER"], "epoch", "renew"], env=self.environment(), check=True)


def client(url: str, key: str = KEY) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def head(roster: httpx.Client) -> Json:
    """Returns the last revision with its digest and epoch."""
    first: Json = roster.get("/changes", params={"limit": 1}).raise_for_status().json()
    last: Json = roster.get("/changes", params={"after": first["head"]}).raise_for_status().json()
    return last


def listed(roster: httpx.Client, path: str, **filters: str) -> Iterator[Json]:
    query = {"limit": "500", **filters}
    while True:
        page = roster.get(path, params=query).raise_for_status().json()
        yield from page["items"]
        if "nextCursor" not in page:
            return
        query["cursor"] = page["nextCursor"]


def content(roster: httpx.Client) -> tuple[dict[Key, Resource], Members]:
    """Returns what a copy must contain, as `Follower.content` does."""
    live = {
        (kind, item["id"]): (item["version"], {k: v for k, v in item.items() if k not in NOT_IN_CHANGES})
        for kind in ("user", "group")
        for item in listed(roster, f"/{kind}s")
    }
    groups = [id for kind, id in live if kind == "group"]
    return live, {(group, row["userId"]) for group in groups for row in listed(roster, f"/groups/{group}/members")}
