"""Eight writers that send random requests at the same time, and accept each response that a correct server can give."""

import random
import threading
import time
import uuid
from collections.abc import Callable

import httpx
from servers import Json, client

SCIM = "urn:ietf:params:scim:"
# Concurrent writers delete each other's resources, and a killed server leaves requests without a known outcome.
EXPECTED = {200, 201, 202, 204, 404, 409, 412, 422, 429, 503, 504}
FEWEST_USERS = 40


class Writers:
    """The writers, and the ids of the users and groups that they know."""

    def __init__(self, urls: list[str], writes: int, seed: int) -> None:
        self.urls, self.writes = urls, writes
        self.random = random.Random(seed)
        self.users: list[str] = []
        self.groups: list[str] = []
        self.pending: list[str] = []  # Users whose erasure is not known to be complete.
        self.done = 0
        self.errors: list[BaseException] = []
        kinds = [self.users_native, self.users_native, self.users_scim, self.groups_native]
        kinds += [self.groups_scim, self.members, self.deletes, self.erasures]
        self.threads = [threading.Thread(target=self.write, args=item) for item in enumerate(kinds)]

    def write(self, number: int, kind: Callable[[httpx.Client], httpx.Response]) -> None:
        try:
            with client(self.urls[number % len(self.urls)]) as roster:
                for _ in range(self.writes):
                    self.send(lambda: kind(roster))
                    self.done += 1
        except BaseException as error:
            self.errors.append(error)

    def send(self, request: Callable[[], httpx.Response]) -> None:
        """Sends a request, and others in its place while the server is down."""
        while True:
            try:
                response = request()
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            expected = response.status_code in EXPECTED or "is not the id of a user" in response.text
            assert expected, f"{response.request.method} {response.url}: {response.text}"
            if response.status_code not in (429, 503):
                return
            time.sleep(0.05)

    def run(self) -> None:
        for thread in self.threads:
            thread.start()

    def active(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition, which must hold before the writers are done."""
        while not condition():
            assert self.active(), "the writers were done too early"
            time.sleep(0.01)

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def name(self) -> str:
        # Contains characters that some programs regard as line breaks.
        return f"{uuid.uuid4()} \u2028\u0085 é"

    def user(self) -> str:
        return self.random.choice(self.users)

    def created(self, response: httpx.Response, known: list[str]) -> httpx.Response:
        if response.status_code == httpx.codes.CREATED:
            known.append(response.json()["id"])
        return response

    def create_user(self, roster: httpx.Client) -> httpx.Response:
        name = str(uuid.uuid4())
        emails = [{"value": f"{name}@example.com", "type": "work", "primary": True}]
        user = {"userName": name, "name": {"familyName": self.name()}, "emails": emails, "externalId": name}
        return self.created(roster.post("/users", json=user), self.users)

    def users_native(self, roster: httpx.Client) -> httpx.Response:
        if len(self.users) < FEWEST_USERS or self.chance(0.5):
            return self.create_user(roster)
        user = self.user()
        if self.chance(0.2):
            return roster.put(f"/users/{user}", json={"userName": str(uuid.uuid4()), "title": self.name()})
        change = {"custom": {"seats": self.random.randint(1, 99), "plan": None}, "nickName": self.name()}
        return roster.patch(f"/users/{user}", json=change)

    def users_scim(self, roster: httpx.Client) -> httpx.Response:
        if len(self.users) < FEWEST_USERS or self.chance(0.5):
            user = {"schemas": [f"{SCIM}schemas:core:2.0:User"], "userName": str(uuid.uuid4()), "active": True}
            return self.created(roster.post("/scim/v2/Users", json=user), self.users)
        value = {"active": self.chance(0.5), "title": self.name()}
        return self.scim_patch(roster, f"Users/{self.user()}", [{"op": "replace", "value": value}])

    def scim_patch(self, roster: httpx.Client, path: str, operations: list[Json]) -> httpx.Response:
        body = {"schemas": [f"{SCIM}api:messages:2.0:PatchOp"], "Operations": operations}
        return roster.patch(f"/scim/v2/{path}", json=body)

    def groups_native(self, roster: httpx.Client) -> httpx.Response:
        if not self.groups or self.chance(0.3):
            return self.created(roster.post("/groups", json={"displayName": self.name()}), self.groups)
        group = self.random.choice(self.groups)
        if self.chance(0.3):
            return roster.delete(f"/groups/{group}")
        return roster.patch(f"/groups/{group}", json={"displayName": self.name(), "externalId": str(uuid.uuid4())})

    def groups_scim(self, roster: httpx.Client) -> httpx.Response:
        members = [{"value": user} for user in self.some_users()]
        if not self.groups or self.chance(0.3):
            group = {"schemas": [f"{SCIM}schemas:core:2.0:Group"], "displayName": self.name(), "members": members}
            return self.created(roster.post("/scim/v2/Groups", json=group), self.groups)
        operations: list[Json] = [{"op": "replace", "path": "displayName", "value": self.name()}]
        operations.append({"op": self.random.choice(["add", "replace"]), "path": "members", "value": members})
        return self.scim_patch(roster, f"Groups/{self.random.choice(self.groups)}", operations)

    def some_users(self) -> list[str]:
        return self.random.sample(self.users, min(5, len(self.users)))

    def members(self, roster: httpx.Client) -> httpx.Response:
        if not self.groups or not self.users:
            return self.groups_native(roster)
        group, user = self.random.choice(self.groups[-5:]), self.user()
        if self.chance(0.4):
            return roster.post(f"/groups/{group}/members", json={"userIds": self.some_users()})
        return roster.request(self.random.choice(["PUT", "DELETE"]), f"/groups/{group}/members/{user}")

    def deletes(self, roster: httpx.Client) -> httpx.Response:
        user = self.take_user()
        return roster.delete(f"/users/{user}") if user else self.create_user(roster)

    def erasures(self, roster: httpx.Client) -> httpx.Response:
        user = self.take_user()
        if user is None:
            return self.create_user(roster)
        self.pending.append(user)
        return self.erase(roster, user)

    def take_user(self) -> str | None:
        """Removes one of the oldest users from the known ones, unless there are too few."""
        spare = len(self.users) - FEWEST_USERS
        return self.users.pop(self.random.randrange(spare)) if spare > 0 else None

    def erase(self, roster: httpx.Client, user: str) -> httpx.Response:
        response = roster.delete(f"/users/{user}", params={"erase": "true"})
        if response.status_code in (204, 404):
            self.pending.remove(user)
        return response

    def finish_erasures(self, roster: httpx.Client) -> None:
        """Repeats the erasures that the server may still complete in the background, until each is complete."""
        deadline = time.monotonic() + 30
        while self.pending:
            assert time.monotonic() < deadline, f"not erased: {self.pending}"
            if self.erase(roster, self.pending[-1]).status_code == httpx.codes.ACCEPTED:
                time.sleep(0.05)
