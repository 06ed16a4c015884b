"""Tests the functions of walk.py with lost responses, a busy server and concurrent updates."""

import os

import httpx
from walk import User, connect, create, update, users


class UnreliableTransport(httpx.HTTPTransport):
    """Loses the first response, responds to the second request with 503, and forwards all others."""

    requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests == 2:
            return httpx.Response(503, headers={"Retry-After": "0"}, request=request)
        response = super().handle_request(request)
        if self.requests == 1:
            raise httpx.ReadError("the connection broke", request=request)
        return response


def test_a_repeated_create_creates_one_user() -> None:
    transport = UnreliableTransport()
    with httpx.Client(base_url=os.environ["URL"], headers=client.headers, transport=transport) as roster:
        barbara = create(roster, {"userName": "barbara"})
    assert transport.requests == 3
    assert list(users(client, filter='userName eq "barbara"')) == [barbara]


def test_an_update_uses_the_current_user() -> None:
    def change(user: User) -> User:
        if user["version"] == 1:
            client.patch(f"/users/{user['id']}", json={"nickName": "Babs"}).raise_for_status()
        return {"title": f"Dr {user['nickName']}"}

    barbara = next(users(client, filter='userName eq "barbara"'))
    assert update(client, barbara["id"], change)["title"] == "Dr Babs"


with connect() as client:
    test_a_repeated_create_creates_one_user()
    test_an_update_uses_the_current_user()
