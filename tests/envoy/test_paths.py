"""What another spelling of a path is answered: as the plain one, 404 or 400; no redirect."""

import pytest

from tests.envoy.conftest import Edge, signed
from tests.envoy.doors import raw
from tests.envoy.odd_paths import ANSWERS, FLAWED, NONE, OF_AN_ID, SAME, spellings

# Which rpc each is, and whether it ends in an id.
PATHS = {
    ("GET", "/api/v1/users/1"): ("GetUser", True),
    ("GET", "/api/v1/products"): ("ListProducts", False),
    ("GET", "/api/v1/orders/1/user"): ("GetOrderUser", False),
    ("POST", "/api/v1/users/1:suspend"): ("SuspendUser", False),
    ("DELETE", "/api/v1/orders/1"): ("DeleteOrder", True),
}


def test_every_spelling_has_its_answer() -> None:
    assert set(ANSWERS) == set(spellings("/api/v1/users/1"))


async def test_a_plus_in_a_query_is_a_space_and_in_a_path_a_plus(running: Edge) -> None:
    head = f"host: edge\r\nauthorization: Bearer {signed()}\r\ncontent-length: 0\r\n\r\n"
    running.upstream.calls.clear()
    for path in ("products?q=dark+blue%2B%20sky&sort=a+b", "users/a+b"):
        await raw(running.port, f"GET /api/v1/{path} HTTP/1.1\r\n{head}".encode())
    listed, one = (call.request for call in running.upstream.calls)
    assert (listed.q, listed.sort, one.user_id) == ("dark blue+ sky", "a b", "a+b")


@pytest.mark.parametrize(("verb", "path"), PATHS)
async def test_a_spelling_is_answered_as_it_is_said(verb: str, path: str, running: Edge) -> None:
    rpc, ends_in_id = PATHS[verb, path]
    head = f"host: edge\r\nauthorization: Bearer {signed()}\r\ncontent-length: 0\r\n\r\n"
    for name, spelled in spellings(path).items():
        running.upstream.calls.clear()
        answer = await raw(running.port, f"{verb} {spelled} HTTP/1.1\r\n{head}".encode())
        reached = [call.rpc for call in running.upstream.calls]
        wanted = ANSWERS[name]
        if wanted == SAME or (wanted == OF_AN_ID and ends_in_id):
            assert (answer.status_code, reached) == (200, [rpc]), name
        else:
            status, code = {
                NONE: (404, "ROUTE_NOT_FOUND"),
                OF_AN_ID: (404, "ROUTE_NOT_FOUND"),
                FLAWED: (400, "MALFORMED_REQUEST"),
            }[wanted]
            assert (answer.status_code, reached) == (status, []), name
            assert answer.json()["error"]["code"] == code
        assert "location" not in answer.headers
