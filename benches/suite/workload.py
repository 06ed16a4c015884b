"""The servers, and the requests that each receives."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

KEY = "benchmark-key.0123456789-abcdefghijklmnop"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

# The names of the servers in results.
ROSTER = "roster"
SCIM = "roster, SCIM"
PEER = "axum-sqlx"
FULL_SCHEMA = "axum-sqlx, full schema"
LARGE_POOL = "axum-sqlx, pool of 64"
PIPELINED = "axum-tokio-postgres"
CONSTANT = "actix-constant"
SCIM2_SERVER = "scim2-server"

# The scenarios, with those that write last, and their titles.
SCENARIOS = {"read": "read by id", "page": "page of 50", "mixed": "90/10", "create": "create"}

# `{n}` becomes ten digits of the run and eight of a counter.
NUMBER_WIDTH = 18


@dataclass(frozen=True)
class Request:
    """`{id}` stands for a line of the file `ids`, and `{n}` for a new number."""

    path: str
    ids: Path
    method: str = "GET"
    headers: dict = field(default_factory=dict)
    body: str = ""

    def template(self):
        """The whole request as text. Its length must not depend on the id."""
        if "{id}" in self.body:
            raise SystemExit("a body cannot contain {id}, because its length would be unknown")
        headers = {"Host": "bench", **self.headers}
        if self.body:
            headers["Content-Length"] = len(self.body.replace("{n}", "0" * NUMBER_WIDTH).encode())
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n{self.body}"

    def parts(self):
        """The template, split at its placeholders."""
        return re.split(r"(\{id\}|\{n\})", self.template())


def load(requests, scenario):
    """The requests of a scenario with their weights in percent, or None if the server does not support it."""
    if scenario != "mixed":
        return [(100, requests[scenario])] if scenario in requests else None
    return [(90, requests["read"]), (10, requests["create"])] if "create" in requests else None


def title(scenario, connections):
    return f"{SCENARIOS[scenario]}, {connections} connection{'s' if connections > 1 else ''}"


def roster(ids, cursors):
    return {
        "read": Request("/users/{id}", ids, headers=AUTHORIZED),
        "page": Request("/users?limit=50&cursor={id}", cursors, headers=AUTHORIZED),
        "create": create("/users", ids, AUTHORIZED),
    }


def peer(ids):
    """Peers check no key, and page by id."""
    return {"read": Request("/users/{id}", ids), "page": Request("/users?limit=50&after={id}", ids),
            "create": create("/users", ids, {})}


def scim(path, ids, headers):
    media = {**headers, "Content-Type": "application/scim+json"}
    body = compact(user(schemas=["urn:ietf:params:scim:schemas:core:2.0:User"]))
    return {"read": Request(path + "/{id}", ids, headers=headers),
            "create": Request(path, ids, "POST", media, body)}


def create(path, ids, headers):
    return Request(path, ids, "POST", {**headers, "Content-Type": "application/json"}, compact(user()))


def patch(ids):
    """Sets another display name with each request."""
    headers = {**AUTHORIZED, "Content-Type": "application/merge-patch+json"}
    return Request("/users/{id}", ids, "PATCH", headers, compact({"displayName": "Ada {n}"}))


def scim_patch(ids):
    """Sets another display name with each request."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "displayName", "value": "Ada {n}"}]}
    headers = {**AUTHORIZED, "Content-Type": "application/scim+json"}
    return [(100, Request("/scim/v2/Users/{id}", ids, "PATCH", headers, compact(body)))]


def user(name="Ada", series="99", **more):
    """A user as a company's own system would create it."""
    return {
        "userName": f"{name}-{series}-{{n}}@example.com",
        "externalId": f"E-{series}-{{n}}",
        "name": {"givenName": name, "familyName": "Family {n}"},
        "displayName": f"{name} {{n}}",
        "title": "Engineer",
        "active": True,
        "emails": [{"value": f"{name}.{series}.{{n}}@example.com", "type": "work", "primary": True},
                   {"value": f"{series}.{{n}}@home.example", "type": "home"}],
        **more,
    }


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def described(file, default_ids):
    """The requests of another server: see benches/servers/example.toml."""
    tables = tomllib.loads(Path(file).read_text())
    ids = tables.pop("ids", None)
    ids = Path(file).parent / ids if ids else default_ids
    return {scenario: Request(ids=ids, **table) for scenario, table in tables.items()}
