"""The README's walk with httpx: URL=… KEY=… python walk.py"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx

User = dict[str, Any]


def connect() -> httpx.Client:
    """A client for the server at URL, with KEY."""
    return httpx.Client(base_url=os.environ["URL"], headers={"Authorization": f"Bearer {os.environ['KEY']}"})


def create(roster: httpx.Client, user: User) -> User:
    """Creates a user once, whatever gets lost: a repeat with the same key gets the first one's answer.

    503 says that nothing was done; 504 and a broken connection say nothing, so they are repeated, too.
    """
    once = {"Idempotency-Key": str(uuid.uuid4())}
    pauses = iter((0.1, 0.5, 2.0, 5.0))
    while True:
        pause = next(pauses, None)
        try:
            answer = roster.post("/users", json=user, headers=once)
        except httpx.TransportError:
            if pause is None:
                raise
        else:
            if pause is None or answer.status_code not in (503, 504):
                created: User = answer.raise_for_status().json()
                return created
            pause = float(answer.headers.get("Retry-After", pause))
        time.sleep(pause)


def users(roster: httpx.Client, **query: str | int) -> Iterator[User]:
    """Every user that the query finds, a page at a time."""
    while True:
        page = roster.get("/users", params=query).raise_for_status().json()
        yield from page["items"]
        if "nextCursor" not in page:
            return
        query["cursor"] = page["nextCursor"]


def update(roster: httpx.Client, id: str, change: Callable[[User], User]) -> User:
    """Patches a user with what `change` makes of it, again whenever somebody else was faster."""
    while True:
        seen = roster.get(f"/users/{id}").raise_for_status()
        answer = roster.patch(f"/users/{id}", json=change(seen.json()), headers={"If-Match": seen.headers["ETag"]})
        if answer.status_code != httpx.codes.PRECONDITION_FAILED:
            changed: User = answer.raise_for_status().json()
            return changed


def walk(roster: httpx.Client) -> None:
    email = {"value": "ada@example.com", "primary": True}
    ada = create(roster, {"userName": "ada", "name": {"givenName": "Ada"}, "emails": [email]})
    assert roster.get(f"/users/{ada['id']}").json() == ada

    ada = update(roster, ada["id"], lambda user: {"title": f"Countess {user['name']['givenName']}"})
    assert (ada["title"], ada["version"]) == ("Countess Ada", 2)

    for name in ("grace", "edsger"):
        create(roster, {"userName": name})
    found = users(roster, filter="active eq true", sort="-userName", limit=1)
    assert [user["userName"] for user in found] == ["grace", "edsger", "ada"]

    roster.delete(f"/users/{ada['id']}").raise_for_status()
    problem = roster.get(f"/users/{ada['id']}")
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert (problem.json()["status"], problem.json()["code"]) == (404, "not-found")


if __name__ == "__main__":
    with connect() as roster:
        walk(roster)
