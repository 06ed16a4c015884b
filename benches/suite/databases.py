"""The databases of a run on one engine. Both classes have the same methods."""

import os
import pwd
import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median

from . import machine, servers

# Statements per measurement of the delays.
REPETITIONS = 201


@contextmanager
def open_databases(engine, directory):
    if engine == "sqlite":
        yield Sqlite(directory)
        return
    cluster = Network(directory) if engine == "network" else Postgres(directory)
    try:
        servers.wait_for(cluster.is_ready, "PostgreSQL")
        yield cluster
    finally:
        cluster.stop()


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

    def file_size(self, name):
        return self._file(name).stat().st_size

    def size(self, name):
        """Bytes of the database, including its write-ahead log."""
        return sum(file.stat().st_size for file in self.directory.glob(f"{name}.db*"))

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
    # Additional variables for the server.
    environment = {}
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
        environment = {**os.environ, **self.environment}
        self.postmaster = subprocess.Popen(command, process_group=0, env=environment, **quiet)
        self.pid = self.postmaster.pid

    def is_ready(self):
        command = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port]
        return subprocess.run(command).returncode == 0

    def stop(self):
        # SIGQUIT is the immediate shutdown: nothing of the cluster is kept.
        servers.stop(self.postmaster, 3)

    def url(self, name):
        """The URL for the servers that are measured."""
        return self.direct_url(name)

    def direct_url(self, name):
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
        return self._psql(self.direct_url(name), sql)

    def _psql(self, url, sql):
        command = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"]
        done = subprocess.run(command, input=sql, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"psql: {done.stderr}")
        return done.stdout

    def size(self, name):
        """Bytes of the database. The write-ahead log belongs to all databases of the cluster."""
        return int(self.column(name, f"SELECT pg_database_size('{name}')")[0])

    def column(self, name, sql):
        return self.execute(name, sql).splitlines()

    @contextmanager
    def without_page_images(self):
        """Until the block ends, the write-ahead log contains no images of whole pages."""
        self._set("full_page_writes", "off")
        yield
        self._set("full_page_writes", "on")

    def _set(self, name, value):
        """Changes a setting that checkpoints record, and waits until it is in effect."""
        self.execute("postgres", f"ALTER SYSTEM SET {name} = {value};")
        self.execute("postgres", "SELECT pg_reload_conf()")

        def is_in_effect():
            self.execute("postgres", "CHECKPOINT")
            return self.column("postgres", f"SELECT {name} = '{value}' FROM pg_control_checkpoint()") == ["t"]

        servers.wait_for(is_in_effect, f"{name} = {value}")

    def version(self):
        return self.execute("postgres", "SHOW server_version").strip()


class Network(Postgres):
    """PostgreSQL as in production: on another machine, with a slower disk. The servers that are measured reach it
    through a proxy that delays everything by half a millisecond in each direction, and a flush of the write-ahead log
    takes two milliseconds."""

    title = "network"
    settings = [*Postgres.settings, "wal_sync_method=fdatasync"]
    environment = {"LD_PRELOAD": str(machine.BENCHES / "target/release/slow-commits.so")}
    # Milliseconds of a round trip, and the part that the proxy itself takes.
    ROUND_TRIP, FORWARDING = 1.0, 0.1

    def __init__(self, directory):
        super().__init__(directory)
        self.address = servers.free_address()
        command = [machine.BENCHES / "target/release/delay-proxy", self.address, f"127.0.0.1:{self.port}",
                   str(round((self.ROUND_TRIP - self.FORWARDING) / 2 * 1000))]
        self.proxy = subprocess.Popen(command, process_group=0)
        # A network does not become slower when processors are busy. This requires root.
        with suppress(PermissionError):
            os.sched_setscheduler(self.proxy.pid, os.SCHED_FIFO, os.sched_param(1))

    def stop(self):
        servers.stop(self.proxy)
        super().stop()

    def url(self, name):
        return f"postgres://postgres@{self.address}/{name}"

    def measure_delays(self):
        """Milliseconds: what the network adds to a round trip, and a commit. Fails if the network is wrong by 10 %."""
        read, write = "SELECT FROM counters", "UPDATE counters SET n = n + 1"
        self.execute("postgres", "CREATE TABLE counters AS SELECT 0 AS n")
        near = self._duration(self.direct_url("postgres"), read)
        round_trip = self._duration(self.url("postgres"), read) - near
        commit = self._duration(self.direct_url("postgres"), write) - near
        self.execute("postgres", "DROP TABLE counters")
        if not 0.9 <= round_trip / self.ROUND_TRIP <= 1.1:
            raise SystemExit(f"the network adds {round_trip:.2f} ms to a round trip instead of {self.ROUND_TRIP} ms")
        return {"round_trip": round_trip, "commit": commit}

    def _duration(self, url, statement):
        """The median duration in milliseconds."""
        return median(durations(self._psql(url, "\\timing\n" + f"{statement};\n" * REPETITIONS)))


def durations(output):
    """The milliseconds that psql reports with `\\timing`."""
    return [float(line.split()[1]) for line in output.splitlines() if line.startswith("Time: ")]
