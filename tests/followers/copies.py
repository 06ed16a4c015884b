"""The example followers as processes, and the content of their copies."""

import atexit
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

Key = tuple[str, str]  # kind, id
Resource = tuple[int, dict[str, Any]]  # version, attributes
Members = set[tuple[str, str]]  # group, user

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "python": [sys.executable, str(EXAMPLES / "follower.py")],
    "typescript": [os.environ.get("NODE", "node"), str(EXAMPLES / "follower.ts")],
}
KEY_VARIABLE = "FOLLOWER_KEY"


class Follower:
    """An example that keeps its copy in a file."""

    def __init__(self, language: str, directory: Path, key: str) -> None:
        self.language, self.key = language, key
        self.file = directory / f"{language}.db"
        self.log = directory / f"{language}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, url: str, *options: str) -> subprocess.Popen[bytes]:
        command = [*COMMANDS[self.language], "--url", url, "--key-env", KEY_VARIABLE, "--database", str(self.file)]
        with self.log.open("ab") as log:
            environment = {**os.environ, KEY_VARIABLE: self.key}
            self.process = subprocess.Popen([*command, *options], env=environment, stderr=log)
        atexit.register(self.process.kill)  # If a test fails, no process remains.
        return self.process

    def catch_up(self, url: str) -> int:
        """Returns the exit code of a run with `--once`."""
        return self.start(url, "--once").wait(timeout=60)

    def end(self, how: signal.Signals) -> int:
        """Sends a signal and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(timeout=5)

    def query(self, sql: str) -> list[Any]:
        with sqlite3.connect(self.file) as db:
            return db.execute(sql).fetchall()

    def revision(self) -> int:
        """Returns the revision that the copy has reached; 0 before the first export is complete."""
        if not self.file.exists() or not self.query("SELECT name FROM sqlite_schema WHERE name = 'position'"):
            return 0
        return next((revision for (revision,) in self.query("SELECT revision FROM position")), 0)

    def content(self) -> tuple[dict[Key, Resource], Members]:
        live = {
            (kind, id): (version, json.loads(attributes))
            for kind in ("user", "group")
            for id, version, attributes in self.query(f"SELECT id, version, attributes FROM {kind}s")
        }
        return live, set(self.query("SELECT group_id, user_id FROM members"))
