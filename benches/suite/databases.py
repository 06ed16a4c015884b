"""The databases of a run on one engine. Both classes have the same methods."""

import os
import pwd
import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

from . import servers


@contextmanager
def open_databases(engine, directory):
    if engine == "sqlite":
        yield Sqlite(directory)
        return
    cluster = Postgres(directory)
    try:
        servers.wait_for(cluster.is_ready, "PostgreSQL")
        yield cluster
    finally:
        # SIGQUIT is the immediate shutdown: nothing of the cluster is kept.
        servers.stop(cluster.postmaster, 3)


class Sqlite:
    title = "SQLite"
    settings = ["journal_mode=WAL", "synchronous=FULL"]
    pid = None

    def __init__(self, directory):
        self.directory = directory

    def url(self, name):
        return f"sqlite://{self._file(name)}"

    def create(self, name):
        """Does nothing, because Roster creates the file."""

    def copy(self, source, target):
        shutil.copy(self._file(source), self._file(target))

    def remove(self, name):
        for file in self.directory.glob(f"{name}.db*"):
            file.unlink()

    def execute(self, name, sql):
        with closing(self._connect(name)) as connection:
            connection.executescript(sql)

    def column(self, name, sql):
        with closing(self._connect(name)) as connection:
            return [row[0] for row in connection.execute(sql)]

    def version(self):
        """The version that is compiled into Roster differs: see Cargo.lock."""
        return sqlite3.sqlite_version

    def _connect(self, name):
        connection = sqlite3.connect(self._file(name), isolation_level=None)
        # SQLite itself has had this function since version 3.41.
        connection.create_function("unhex", 1, bytes.fromhex, deterministic=True)
        return connection

    def _file(self, name):
        return self.directory / f"{name}.db"


class Postgres:
    """A separate server, with the memory and WAL that a server of this size would get. Commits are as durable
    as they are by default."""

    title = "PostgreSQL"
    settings = ["fsync=on", "synchronous_commit=on", "shared_buffers=1GB", "max_wal_size=4GB", "max_connections=200"]

    def __init__(self, directory):
        self.directory = directory
        # The newest server. A directory with clients alone has no `postgres`.
        installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        self.programs = max(installed, key=lambda path: int(path.parts[-3])).parent
        data = directory / "cluster"
        data.mkdir()
        # PostgreSQL refuses to run as root.
        owner = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(data, user.pw_uid, user.pw_gid)
            owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        quiet = {"cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **owner}
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D", data]
        subprocess.run([self.programs / "initdb", *options], check=True, **quiet)
        self.port = servers.free_address().split(":")[1]
        settings = [argument for setting in self.settings for argument in ("-c", setting)]
        command = [self.programs / "postgres", "-D", data, "-k", data, "-p", self.port, *settings]
        self.postmaster = subprocess.Popen(command, process_group=0, **quiet)
        self.pid = self.postmaster.pid

    def is_ready(self):
        command = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port]
        return subprocess.run(command).returncode == 0

    def url(self, name):
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, name):
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE template0")

    def copy(self, source, target):
        """Ends connections first, because a database in use cannot be copied."""
        self.execute("postgres", f"""
            SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{source}';
            CREATE DATABASE {target} TEMPLATE {source} STRATEGY file_copy;""")

    def remove(self, name):
        self.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, name, sql):
        command = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.url(name), "-f", "-"]
        done = subprocess.run(command, input=sql, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"psql: {done.stderr}")
        return done.stdout

    def column(self, name, sql):
        return self.execute(name, sql).splitlines()

    def version(self):
        return self.execute("postgres", "SHOW server_version").strip()
