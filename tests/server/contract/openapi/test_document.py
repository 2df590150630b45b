"""The document has all that REST offers, and says of it what the contract says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import MessageToDict

from emporium.options.v1 import options_pb2
from server.contract import rpcs
from server.contract.openapi import document
from server.kit.call.status import HTTP_STATUSES
from tests.asking import RPCS, good

Document = dict[str, Any]
BY_EDGE = {"Health", "Health2", "Ready", "Ready2", "Document"}
# A notice of a payment provider is whatever JSON that signs.
BODIES = [
    rpc
    for rpc in RPCS
    if rpc.input_type.full_name.startswith("emporium.") and rpc.name != "ReceivePaymentNotice"
]


def operations(made: Document) -> Iterator[tuple[str, str, Document]]:
    for path, verbs in made["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation


def resolved(made: Document, part: Document) -> Document:
    """What `part` refers to, or itself."""
    found = made
    for step in part["$ref"].split("/")[1:] if "$ref" in part else ():
        found = found[step]
    return found if "$ref" in part else part


def schema(made: Document, part: Document) -> Document:
    """A schema that can be used without the document around it."""
    return {**part, "components": made["components"]}


def test_every_binding_is_an_operation_and_nothing_else_is(
    made: Document, image: FileDescriptorSet
) -> None:
    declared = {
        (binding.verb, binding.template): rpc.name
        for rpc in rpcs.read(image)
        for binding in rpc.bindings
    }
    offered = {
        (verb, path): operation["operationId"]
        for verb, path, operation in operations(made)
        if operation["operationId"] not in BY_EDGE
    }
    assert offered == declared


def test_two_runs_are_equal(made: Document, image: FileDescriptorSet) -> None:
    again = document.make(FileDescriptorSet.FromString(image.SerializeToString()))
    assert json.dumps(again) == json.dumps(made)


def test_every_refusal_has_its_status_and_an_example_that_is_one(made: Document) -> None:
    error = jsonschema_rs.validator_for(schema(made, made["components"]["schemas"]["Error"]))
    checked = set()
    for _, _, operation in operations(made):
        for status, answer in operation["responses"].items():
            if "$ref" not in answer or "OAuth" in answer["$ref"]:
                continue
            for reason, example in refusals(made, answer).items():
                error.validate(example)
                assert example["error"]["code"] == reason
                assert HTTP_STATUSES[reason] == int(status)
                checked.add(reason)
    assert {"EMAIL_TAKEN", "RATE_LIMITED", "VALIDATION_FAILED", "INTERNAL"} <= checked


def refusals(made: Document, answer: Document) -> Document:
    examples = resolved(made, answer)["content"]["application/json"]["examples"]
    return {name: resolved(made, each)["value"] for name, each in examples.items()}


def test_every_reason_that_a_comment_names_is_an_answer(made: Document) -> None:
    answers = made["paths"]["/api/v1/users"]["post"]["responses"]
    assert "EMAIL_TAKEN" in refusals(made, answers["409"])
    assert "ROLE_NOT_ALLOWED" in refusals(made, answers["403"])
    assert "ETAG_MISMATCH" not in refusals(made, answers["409"])
    # By "and as ListOrders".
    listed = made["paths"]["/api/v1/users/{user_id}/orders"]["get"]["responses"]
    assert "UNKNOWN_SORT_FIELD" in refusals(made, listed["422"])


def test_oauth_refuses_in_its_own_words(made: Document) -> None:
    answers = made["paths"]["/api/v1/auth/token"]["post"]["responses"]
    told = refusals(made, answers["401"])
    assert told["INVALID_CLIENT"]["error"] == "invalid_client"
    assert refusals(made, answers["400"])["INVALID_SCOPE"]["error"] == "invalid_scope"
    assert "403" not in answers


@pytest.mark.parametrize("rpc", BODIES, ids=lambda rpc: rpc.name)
def test_a_good_request_is_one_to_the_document_and_another_is_not(made: Document, rpc: Any) -> None:
    content = MessageToDict(good(rpc), preserving_proto_field_name=True)
    for _, path, operation in operations(made):
        if operation["operationId"] != rpc.name or "requestBody" not in operation:
            continue
        said = {name: each for name, each in content.items() if f"{{{name}}}" not in path}
        [media] = operation["requestBody"]["content"].values()
        body = jsonschema_rs.validator_for(schema(made, media["schema"]))
        body.validate(said)
        assert not body.is_valid(said | {"emial": "x"})
        if operation["requestBody"]["required"]:
            assert not body.is_valid({})


def test_secrets_stand_in_no_query_and_are_marked(made: Document) -> None:
    named = {
        parameter["name"]
        for _, _, operation in operations(made)
        for parameter in operation.get("parameters", [])
        if parameter.get("in") == "query"
    }
    assert not {name for name in named if re.search("password|totp|secret", name)}
    login = made["components"]["schemas"]["LoginRequest"]["properties"]
    assert {name for name, each in login.items() if each.get("format") == "password"} == {
        "password",
        "totp_code",
        "recovery_code",
        "device_token",
    }


def test_who_may_call_is_said_as_security(made: Document) -> None:
    orders = made["paths"]["/api/v1/orders"]
    assert orders["get"]["security"] == [{"bearer": []}, {"oauth2": ["orders.read"]}]
    assert {} in made["paths"]["/api/v1/products"]["get"]["security"]
    assert {"basic": []} in made["paths"]["/api/v1/auth/token"]["post"]["security"]
    flows = made["components"]["securitySchemes"]["oauth2"]["flows"]
    assert "orders.write" in flows["clientCredentials"]["scopes"]


def test_what_was_made_is_linked_with_what_can_be_done_about_it(made: Document) -> None:
    links = made["paths"]["/api/v1/orders"]["post"]["responses"]["201"]["links"]
    assert set(links) == {
        *("GetOrder", "GetOrderUser", "ListOrderHistory", "WatchOrder", "ListOrderNotes"),
        *("UpdateOrder", "CancelOrder", "DeleteOrder", "CreateOrderNote"),
        *("CreatePayment", "ListPayments"),
        *("CreateShipment", "ListShipments"),
        *("CreateReturn", "ListReturns"),
    }
    assert links["GetOrder"]["parameters"] == {"order_id": "$response.body#/data/id"}
    known = {operation["operationId"] for _, _, operation in operations(made)}
    named = {
        link["operationId"]
        for _, _, operation in operations(made)
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    }
    assert {"GetOrder", "SuspendUser", "ListUserOrders", "DeleteApiKey"} <= named <= known


def test_of_a_oneof_there_is_one_member_at_most(made: Document) -> None:
    login = jsonschema_rs.validator_for(
        schema(made, {"$ref": "#/components/schemas/LoginRequest"}), validate_formats=False
    )
    said = {"email": "a@example.com", "password": "x", "totp_code": "123456"}
    assert login.is_valid(said)
    assert not login.is_valid(said | {"recovery_code": "x"})


def test_what_is_left_out_or_said_is_not_empty(made: Document) -> None:
    schemas = made["components"]["schemas"]
    assert schemas["CreateOrderRequest"]["properties"]["request_id"]["minLength"] == 1
    assert schemas["UpdateOrderRequest"]["properties"]["etag"]["minLength"] == 1


def test_rules_of_our_own_are_said_in_words(made: Document) -> None:
    fields = made["components"]["schemas"]["CreateUserRequest"]["properties"]
    assert "must be 8 characters to 72 bytes" in fields["password"]["x-emporium-rules"]


def test_a_precondition_that_is_required_is_said(image: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    for file in changed.file:
        for service in file.service:
            for method in service.method:
                required = method.name == "UpdateOrder"
                method.options.Extensions[options_pb2.precondition_required] = required
    made = document.make(changed)
    orders = made["paths"]["/api/v1/orders/{order_id}"]
    assert "PRECONDITION_REQUIRED" in refusals(made, orders["patch"]["responses"]["428"])
    assert "428" not in orders["delete"]["responses"]


def test_a_list_has_its_meta_in_the_envelope_alone(made: Document) -> None:
    answer = made["paths"]["/api/v1/users"]["get"]["responses"]["200"]
    envelope = answer["content"]["application/json"]["schema"]
    assert envelope["required"] == ["status", "data", "meta", "request_id"]
    assert list(resolved(made, envelope["properties"]["data"])["properties"]) == ["users"]


def test_what_is_deprecated_is_said(image: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    for file in changed.file:
        for service in file.service:
            for method in service.method:
                method.options.deprecated = method.name == "GetUser"
        for message in file.message_type:
            for field in message.field:
                if (message.name, field.name) == ("ListUsersRequest", "page"):
                    field.options.deprecated = True
    made = document.make(changed)
    assert made["paths"]["/api/v1/users/{user_id}"]["get"]["deprecated"] is True
    assert "deprecated" not in made["paths"]["/api/v1/users/{user_id}"]["delete"]
    pages = {each["name"]: each for each in made["paths"]["/api/v1/users"]["get"]["parameters"][:2]}
    assert pages["page"]["deprecated"] is True
    assert "deprecated" not in pages["per_page"]


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("PASSWORD_REQUIRED, PASS", "PASSWORD_MISSING, PASS", "that there are not: PASSWORD_MISS"),
        ("Example: no such user", "For example", "USER_NOT_FOUND: its comment must end"),
    ],
)
def test_what_cannot_be_documented_ends_the_run(
    image: FileDescriptorSet, before: str, after: str, complaint: str
) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    for file in changed.file:
        for location in file.source_code_info.location:
            said = location.leading_comments.replace(before, after)
            location.leading_comments = said
    with pytest.raises(SystemExit, match=complaint):
        document.make(changed)


def test_two_messages_of_one_name_end_the_run(image: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    for file in changed.file:
        if file.name == "emporium/order/v1/catalog_service.proto":
            [product] = [each for each in file.message_type if each.name == "Product"]
            product.name = "User"
            for service in file.service:
                for method in service.method:
                    if method.output_type.endswith(".Product"):
                        method.output_type = ".emporium.order.v1.User"
        for message in file.message_type:
            for field in message.field:
                before, found, after = field.type_name.partition(".order.v1.Product")
                if found and after in ("", ".Status", ".AttributesEntry"):
                    field.type_name = f"{before}.order.v1.User{after}"
    with pytest.raises(SystemExit, match="one name for both, 'User'"):
        document.make(changed)
