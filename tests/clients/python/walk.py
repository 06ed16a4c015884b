"""The requests of the README with httpx. Usage: URL=… KEY=… python walk.py"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx

User = dict[str, Any]


def connect() -> httpx.Client:
    """Returns a client for the server at URL that sends KEY."""
    return httpx.Client(base_url=os.environ["URL"], headers={"Authorization": f"Bearer {os.environ['KEY']}"})


def create(roster: httpx.Client, user: User) -> User:
    """Creates a user exactly once: a retry with the same idempotency key returns the response to the first request.

    After 503 nothing was written. After 504 or a broken connection the outcome is unknown. All three are safe to retry.
    """
    once = {"Idempotency-Key": str(uuid.uuid4())}
    pauses = iter((0.1, 0.5, 2.0, 5.0))
    while True:
        pause = next(pauses, None)
        try:
            response = roster.post("/users", json=user, headers=once)
        except httpx.TransportError:
            if pause is None:
                raise
        else:
            if pause is None or response.status_code not in (503, 504):
                created: User = response.raise_for_status().json()
                return created
            pause = float(response.headers.get("Retry-After", pause))
        time.sleep(pause)


def users(roster: httpx.Client, **query: str | int) -> Iterator[User]:
    """Yields every user that matches the query, requesting one page at a time."""
    while True:
        page = roster.get("/users", params=query).raise_for_status().json()
        yield from page["items"]
        if "nextCursor" not in page:
            return
        query["cursor"] = page["nextCursor"]


def update(roster: httpx.Client, id: str, change: Callable[[User], User]) -> User:
    """Patches a user with the result of `change`, and retries if the user was changed concurrently."""
    while True:
        seen = roster.get(f"/users/{id}").raise_for_status()
        response = roster.patch(f"/users/{id}", json=change(seen.json()), headers={"If-Match": seen.headers["ETag"]})
        if response.status_code != httpx.codes.PRECONDITION_FAILED:
            changed: User = response.raise_for_status().json()
            return changed


def walk(roster: httpx.Client) -> None:
    email = {"value": "ada@example.com", "primary": True}
    ada = create(roster, {"userName": "ada", "name": {"givenName": "Ada"}, "emails": [email]})
    assert roster.get(f"/users/{ada['id']}").json() == ada

    ada = update(roster, ada["id"], lambda user: {"title": f"Countess {user['name']['givenName']}"})
    assert (ada["title"], ada["version"]) == ("Countess Ada", 2)

    for name in ("grace", "edsger"):
        create(roster, {"userName": name, "title": "Countess Ada"})
    found = list(users(roster, filter='title eq "Countess Ada"', sort="-userName", limit=1))
    assert [user["userName"] for user in found] == ["grace", "edsger", "ada"]

    for user in found:
        roster.delete(f"/users/{user['id']}").raise_for_status()
    problem = roster.get(f"/users/{ada['id']}")
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert (problem.json()["status"], problem.json()["code"]) == (404, "not-found")


if __name__ == "__main__":
    with connect() as roster:
        walk(roster)
