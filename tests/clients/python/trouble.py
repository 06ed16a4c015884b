"""Tests the functions of walk.py with lost responses, a busy server and concurrent updates."""

import os

import httpx
from walk import User, connect, create, update, users


class Trouble(httpx.HTTPTransport):
    """Loses the first response, answers the second request with 503, and forwards all others."""

    requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests == 2:
            return httpx.Response(503, headers={"Retry-After": "0"}, request=request)
        response = super().handle_request(request)
        if self.requests == 1:
            raise httpx.ReadError("the connection broke", request=request)
        return response


def creates_once() -> None:
    trouble = Trouble()
    with httpx.Client(base_url=os.environ["URL"], headers=calm.headers, transport=trouble) as roster:
        barbara = create(roster, {"userName": "barbara"})
    assert trouble.requests == 3
    assert list(users(calm, filter='userName eq "barbara"')) == [barbara]


def updates_what_is_there() -> None:
    def change(user: User) -> User:
        if user["version"] == 1:
            calm.patch(f"/users/{user['id']}", json={"nickName": "Babs"}).raise_for_status()
        return {"title": f"Dr {user['nickName']}"}

    barbara = next(users(calm, filter='userName eq "barbara"'))
    assert update(calm, barbara["id"], change)["title"] == "Dr Babs"


with connect() as calm:
    creates_once()
    updates_what_is_there()
