"""Headers whose names HTTP allows and gRPC does not reach no service, and do no harm."""

import pytest

from emporium.user.v1.key_set_service_pb2 import KeySet
from emporium.user.v1.user_service_pb2 import User
from tests.envoy.conftest import Edge, signed
from tests.envoy.upstream import always

PATH = "/api/v1/users/01900000-0000-7000-8000-000000000001"


@pytest.mark.parametrize("name", ["&6", "x#y", "it's", "a%b", "c+d", "e*f", "g|h", "~", "!", "^`"])
@pytest.mark.parametrize("http2", [False, True])
async def test_a_name_that_grpc_does_not_allow_is_dropped(
    running: Edge, name: str, http2: bool
) -> None:
    running.upstream.answers["GetUser"] = always(User(id="1", email="ada@example.com"))
    async with running.rest(signed(), http2=http2) as client:
        answer = await client.get(PATH, headers={name: "x", "x-usual": "y"})
    assert answer.status_code == 200, answer.text
    sent = dict(running.upstream.calls[-1].metadata)
    assert name not in sent
    assert sent["x-usual"] == "y"


async def test_the_same_where_a_standard_has_its_own_form(running: Edge) -> None:
    running.upstream.answers["GetKeySet"] = always(KeySet())
    async with running.rest() as client:
        answer = await client.get("/.well-known/jwks.json", headers={"l%ed'o": "x"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"keys": []}


async def test_a_tab_in_a_value_does_no_harm(running: Edge) -> None:
    running.upstream.answers["GetUser"] = always(User(id="1", email="ada@example.com"))
    async with running.rest(signed()) as client:
        answer = await client.get(PATH, headers={"x-usual": "a\tb"})
    assert answer.status_code == 200, answer.text
