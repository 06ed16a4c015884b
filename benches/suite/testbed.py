"""The resources that the measurements of one engine share: databases, ids, and the servers to start on them."""

import json
import time
from contextlib import contextmanager
from pathlib import Path
from sys import stderr
from tempfile import TemporaryDirectory
from uuid import UUID

from . import machine, servers, users, workload
from .databases import open_databases
from .load import Contender, Generator
from .workload import ROSTER, SCIM, SCIM2_SERVER

# All other databases are copies of this one.
BASE = "base"
# The maximum numbers of ids and cursors that the load uses.
IDS = 100_000
CURSORS = 2_000
# scim2-server compares each new user with all existing ones, so it holds few before the load.
SCIM2_USERS = 1_000
PROGRAMS = machine.BENCHES / "target"


@contextmanager
def open_testbed(engine, options):
    """Creates the databases, and removes everything when the block ends."""
    with TemporaryDirectory(prefix="roster-bench-", dir=disk(options.data)) as name:
        # PostgreSQL may run as another user.
        directory = Path(name)
        directory.chmod(0o711)
        with open_databases(engine, directory) as databases:
            yield Testbed(engine, options, databases)


class Testbed:
    def __init__(self, engine, options, databases):
        self.engine, self.options, self.databases = engine, options, databases
        self.generator = Generator(databases.directory, PROGRAMS / "release/open-loop", databases.pid)
        self.began = time.monotonic()
        self.fill(BASE, options.users)
        self._save_examples()

    def say(self, text):
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        print(f"[{minutes}:{seconds:02}] {self.databases.title}: {text}", file=stderr)

    def fill(self, name, count):
        """Creates a database with users, and the file of their ids."""
        self.say(f"creating {count} users")
        users.fill(self.databases, self.options.roster, name, count)
        self.save_ids(name)

    def save_ids(self, name):
        """Creates the file of the ids of a database's users."""
        column = "id" if self.databases.pid else "hex(id)"
        ids = self.databases.column(name, f"SELECT {column} FROM users ORDER BY random() LIMIT {IDS}")
        self.ids(name).write_text("\n".join(str(UUID(id)) for id in ids))

    def ids(self, name=BASE):
        return self.file(f"{name}.ids")

    def file(self, name):
        return self.databases.directory / name

    def requests(self, server):
        """The requests to a server that runs on a copy of the base."""
        if server == ROSTER:
            return workload.roster(self.ids(), self.file("cursors"))
        if server == SCIM:
            return workload.scim("/scim/v2/Users", self.ids(), workload.AUTHORIZED)
        if server == SCIM2_SERVER:
            return workload.scim("/v2/Users", self.ids("scim2"), {})
        return workload.peer(self.ids())

    def contender(self, name, server, scenario, requests_of=None):
        return Contender(name, server, workload.load(self.requests(requests_of or name), scenario))

    def closed(self, contenders, connections, rounds=None, seconds=None):
        options = self.options
        return self.generator.closed(contenders, connections, rounds or options.rounds, seconds or options.seconds)

    def roster(self, database):
        return servers.roster(self.options.roster, self.databases.url(database))

    def axum_sqlx(self, database, pool, *arguments):
        url = self.databases.url(database)
        return servers.peer(PROGRAMS / "release/axum-sqlx", "--database", url, "--pool", str(pool), *arguments)

    def axum_tokio_postgres(self, database):
        return servers.peer(PROGRAMS / "release/axum-tokio-postgres", "--database", self.databases.url(database))

    def constant(self):
        user, page = self.file("user.json"), self.file("page.json")
        return servers.peer(PROGRAMS / "release/actix-constant", "--user", user, "--page", page)

    @contextmanager
    def scim2_server(self):
        """Starts scim2-server and creates its users: it has no database, and closes a connection after a response."""
        with servers.scim2_server(PROGRAMS / "scim2-server/bin/scim2-server") as server:
            create = workload.scim("/v2/Users", None, {})["create"].template()
            responses = (servers.Client(server.address).send(create.replace("{n}", f"{number:018}"))
                         for number in range(SCIM2_USERS))
            self.ids("scim2").write_text("\n".join(json.loads(user)["id"] for user in responses))
            yield server

    def _save_examples(self):
        """Saves a user and a page for the constant server, and the cursors of a walk for the load."""
        with self.roster(BASE) as server:
            client = servers.Client(server.address)
            first = self.ids().read_text().split("\n", 1)[0]
            self.file("user.json").write_bytes(client.ask("GET", f"/users/{first}"))
            self.file("page.json").write_bytes(client.ask("GET", "/users?limit=50"))
            self.file("cursors").write_text("\n".join(walk(client, CURSORS)))


def walk(client, limit):
    """The cursors of the pages of 50 after the first."""
    cursors, query = [], ""
    while len(cursors) < limit and (cursor := client.json("GET", f"/users?limit=50{query}").get("nextCursor")):
        cursors.append(cursor)
        query = f"&cursor={cursor}"
    return cursors


def disk(directory):
    """The given directory, or else the first that is not in memory."""
    for candidate in [directory] if directory else ["/var/tmp", "/tmp"]:
        if machine.filesystem(Path(candidate))[0] != "tmpfs":
            return Path(candidate).resolve()
    raise SystemExit("no directory for the databases is on a disk: name one with --data")
