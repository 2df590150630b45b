"""What a REST caller says has one place: no query and no body overrides the path."""

import json
import uuid
from typing import Any

import pytest
from google.api import annotations_pb2

from server.kit.call.method import methods
from server.local.cluster import Cluster
from tests.discovery import contract
from tests.e2e.conftest import Rest, error_of, new_email, violated_fields
from tests.waiting import until

JSON = {"content-type": "application/json"}


def bound() -> list[tuple[str, str, str]]:
    """Verb, path and field of every path of the contract that says a field."""
    return [
        (_verb(rpc), method.rest.path, field)
        for service in contract()
        for method, rpc in zip(methods(service), service.methods, strict=True)
        if method.rest
        for field in method.rest.path_fields
    ]


def _verb(rpc: Any) -> str:
    return str(rpc.GetOptions().Extensions[annotations_pb2.http].WhichOneof("pattern")).upper()


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def new_user(**fields: Any) -> dict[str, Any]:
    return {"email": new_email(), "full_name": "Ann", "password": "correct horse", **fields}


async def resource_of(request_id: str, cluster: Cluster) -> str:
    """What the log of the user service says that a call has changed."""
    found: list[str] = []

    async def is_logged() -> bool:
        lines = cluster.home.log_file("user").read_text().splitlines()
        found[:] = [line for line in lines if request_id in line]
        return bool(found)

    await until(is_logged)
    (line,) = found
    return str(json.loads(line)["resource"])


@pytest.mark.parametrize(("verb", "path", "field"), bound())
@pytest.mark.parametrize("spelled", [str, camel, lambda name: name.replace("_", "%5F")])
async def test_no_query_overrides_a_path(
    admin: Rest, verb: str, path: str, field: str, spelled: Any
) -> None:
    filled = path.replace("{" + field + "}", str(uuid.uuid4()))
    answer = await admin(verb, f"{filled}?{spelled(field)}={uuid.uuid4()}", headers=JSON)
    assert error_of(answer, 400)["code"] in {"MALFORMED_REQUEST", "UNKNOWN_FIELD"}


# Of a notice of a payment provider, which comes as it is, the names are the provider's.
NAMED = [each for each in bound() if each[2] != "provider"]


@pytest.mark.parametrize(("verb", "path", "field"), NAMED)
@pytest.mark.parametrize("spelled", [str, camel])
async def test_no_body_overrides_a_path(
    admin: Rest, verb: str, path: str, field: str, spelled: Any
) -> None:
    filled = path.replace("{" + field + "}", str(uuid.uuid4()))
    body = json.dumps({spelled(field): str(uuid.uuid4())})
    answer = await admin(verb, filled, content=body, headers=JSON)
    error = error_of(answer, 400)
    assert error["code"] in {"MALFORMED_REQUEST", "UNKNOWN_FIELD"}
    assert violated_fields(error) in ({field}, {spelled(field)})


async def test_who_names_two_accounts_deletes_neither(
    anyone: Rest, admin: Rest, cluster: Cluster
) -> None:
    one, other = [await anyone.data("POST", "/users", new_user()) for _ in range(2)]
    query = f"?user_id={other['id']}"
    for body in (None, json.dumps({"user_id": other["id"]})):
        answer = await admin("DELETE", f"/users/{one['id']}{query}", content=body, headers=JSON)
        error_of(answer, 400)
    for user in (one, other):
        assert await admin.data("GET", f"/users/{user['id']}") == user
    # The control: by itself the path deletes what it names, and the log says what that was.
    answer = await admin("DELETE", f"/users/{one['id']}")
    assert answer.status_code == 204
    request_id = answer.headers["x-request-id"]
    assert await resource_of(request_id, cluster) == f"/api/v1/users/{one['id']}"


async def test_a_create_names_what_it_has_made(anyone: Rest, cluster: Cluster) -> None:
    answer = await anyone("POST", "/users", new_user())
    request_id = answer.headers["x-request-id"]
    assert await resource_of(request_id, cluster) == answer.headers["location"]


@pytest.mark.parametrize("body", ['{"etga":"999"}', '{"per_page":1}', "{}", "null", "[]", "x"])
@pytest.mark.parametrize(("verb", "path"), [("DELETE", "/users/{}"), ("GET", "/users/{}")])
async def test_a_body_that_the_contract_does_not_declare_is_refused(
    anyone: Rest, admin: Rest, verb: str, path: str, body: str
) -> None:
    user = await anyone.data("POST", "/users", new_user())
    answer = await admin(verb, path.format(user["id"]), content=body, headers=JSON)
    assert error_of(answer, 400)["code"] in {"UNKNOWN_FIELD", "MALFORMED_REQUEST"}
    assert await admin.data("GET", f"/users/{user['id']}") == user


async def test_no_body_sets_what_a_query_says(admin: Rest) -> None:
    answer = await admin("GET", "/users", content='{"per_page": 1}', headers=JSON)
    error = error_of(answer, 400)
    assert (error["code"], violated_fields(error)) == ("UNKNOWN_FIELD", {"per_page"})


@pytest.mark.parametrize("where", ["query", "query and body"])
async def test_a_password_in_a_query_is_refused_and_not_repeated(anyone: Rest, where: str) -> None:
    body = new_user(password="correct horse")
    if where == "query":
        del body["password"]
    answer = await anyone("POST", "/users?password=hunter2222", body)
    assert error_of(answer, 400)["code"] in {"UNKNOWN_FIELD", "MALFORMED_REQUEST"}
    assert "hunter2222" not in answer.text
    assert "correct horse" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        '{"items": [], "items": []}',
        '{"items": [{"quantity": 1, "quantity": 2}]}',
        '{"user_id": "a", "userId": "b", "items": []}',
        '{"shipping_address": {"city": "a", "city": "b"}, "items": []}',
    ],
)
async def test_what_is_said_twice_is_refused(customer: Rest, body: str) -> None:
    answer = await customer("POST", "/orders", content=body, headers=JSON)
    error = error_of(answer, 400)
    assert error["code"] == "MALFORMED_REQUEST"
    assert len(violated_fields(error)) == 1


@pytest.mark.parametrize("query", ["per_page=1&per_page=2", "per_page=1&perPage=2"])
async def test_a_query_says_nothing_twice(anyone: Rest, query: str) -> None:
    answer = await anyone("GET", f"/products?{query}")
    assert error_of(answer, 400)["code"] == "MALFORMED_REQUEST"
