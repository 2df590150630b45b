"""That no parameter of our document is left out, and that each is tried in a good request."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.injection import values
from tests.campaign.injection.parameters import Operation, Parameter, operations
from tests.campaign.injection.requests import MARK, Request, request

DOCUMENT = json.loads((Path(__file__).parents[3] / "envoy/generated/openapi.json").read_text())
OPERATIONS = operations(DOCUMENT)
TRIED = [(operation, each) for operation in OPERATIONS for each in operation.parameters]


def named(operation: str, path: str) -> tuple[Operation, Parameter]:
    return next((o, p) for o, p in TRIED if o.name == operation and str(p) == path)


def made(operation: str, path: str) -> Request:
    found, parameter = named(operation, path)
    return request(found, parameter, partial(values.value, found))


def listed() -> Iterator[tuple[str, str, str]]:
    """By another way: what the document lists, and the members of bodies."""
    for verbs in DOCUMENT["paths"].values():
        for operation in verbs.values():
            for each in operation.get("parameters", ()):
                name = each.get("$ref", "").rpartition("/")[2]
                known = DOCUMENT["components"]["parameters"][name] if name else each
                yield operation["operationId"], known["in"], known["name"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                schema = DOCUMENT["components"]["schemas"][name] if name else content["schema"]
                for member in schema.get("properties", ()):  # none of a body that is taken as it is
                    yield operation["operationId"], "body", member


def test_every_parameter_is_tried() -> None:
    found = {(operation.name, each.place, str(each.path[1])) for operation, each in TRIED}
    assert found == set(listed())
    assert len(TRIED) == len(set(map(str_of, TRIED))) > len(found) > 100


def str_of(tried: tuple[Operation, Parameter]) -> str:
    return f"{tried[0].name} {tried[1]}"


@pytest.mark.parametrize("tried", TRIED, ids=str_of)
def test_a_request_has_one_mark_and_all_that_it_needs(tried: tuple[Operation, Parameter]) -> None:
    operation, parameter = tried
    found = request(operation, parameter, partial(values.value, operation))
    text = json.dumps([found.target, dict(found.headers), found.body])
    assert text.count(MARK) == 1
    assert "{" not in found.target
    assert (found.body is None) == (not operation.media_type)
    unmarked = found.unmarked
    assert MARK not in f"{unmarked.target}{unmarked.headers}{unmarked.body}"


def test_a_value_goes_where_it_belongs() -> None:
    assert made("ListUsers", "query sort").target == "/api/v1/users?sort=created_at%3Adesc*"
    assert made("GetUser", "path user_id").target.endswith("*")
    assert made("SuspendUser", "path user_id").target.endswith("*:suspend")
    assert made("UpdateUser", "header If-Match").headers["If-Match"] == '"1*"'
    assert made("ExchangeApiKey", "body scope").body == (
        "grant_type=client_credentials&scope=orders.read*&client_id=1&client_secret=1"
    )


def test_what_goes_with_a_value_within_a_body_goes_along() -> None:
    body: Any = json.loads(made("CreateOrder", "body shipping_address.postal_code").body or "")
    address = body["shipping_address"]
    assert address["postal_code"].endswith(MARK)
    assert {"recipient", "street", "city", "country_code"} < address.keys()
    assert body["items"][0]["quantity"] == 1
    lines = json.loads(made("CreateOrder", "body items.0.quantity").body or "")
    assert lines["items"][0]["quantity"] == f"1{MARK}"
    assert lines.keys() == {"items"}


def test_a_parameter_without_a_good_value_is_named() -> None:
    operation, _ = named("GetUser", "path user_id")
    odd = Parameter(("query", "odd"), {"type": "string", "pattern": "^[0-9]{40}$"}, ())
    with pytest.raises(LookupError, match="GetUser: no good value of query odd is known"):
        values.value(operation, odd)
