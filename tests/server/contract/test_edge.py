"""Envoy's files say what the contract says, and nothing is open that it does not open."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from emporium.limits import BODY_BYTES_MAX, MESSAGE_BYTES_MAX
from server.contract import edge, replies, rpcs
from server.contract import image as images
from server.contract.protoc import ROOT
from server.services import SERVICES

# Every rpc that may be called without a token. It grows only by a decision written here too.
PUBLIC = {
    # Carts without an owner, by their secrets.
    "emporium.order.v1.CartService/CreateCart",
    "emporium.order.v1.CartService/GetCart",
    "emporium.order.v1.CartService/UpdateCart",
    "emporium.order.v1.CartService/DeleteCart",
    "emporium.order.v1.CartService/UpdateCartItem",
    "emporium.order.v1.CartService/DeleteCartItem",
    "emporium.order.v1.CatalogService/BatchGetProducts",
    "emporium.order.v1.CatalogService/GetCategory",
    "emporium.order.v1.CatalogService/GetProduct",
    "emporium.order.v1.CatalogService/ListCategories",
    "emporium.order.v1.CatalogService/ListProducts",
    "emporium.order.v1.PaymentService/ReceivePaymentNotice",
    "emporium.order.v1.PricingService/GetPriceBreaks",
    "emporium.order.v1.ShippingService/GetShippingMethod",
    "emporium.order.v1.ShippingService/ListShippingMethods",
    "emporium.order.v1.PricingService/GetTaxRate",
    "emporium.order.v1.PricingService/ListTaxRates",
    "emporium.user.v1.ApiKeyService/ExchangeApiKey",
    "emporium.user.v1.AuthService/Login",
    "emporium.user.v1.EmailLinkService/ForgotPassword",
    "emporium.user.v1.EmailLinkService/ResetPassword",
    "emporium.user.v1.EmailLinkService/VerifyEmail",
    "emporium.user.v1.KeySetService/GetKeySet",
    "emporium.user.v1.SessionService/Refresh",
    "emporium.user.v1.UserService/CreateUser",
}
# What the edge answers itself.
DOCUMENTS = {
    *("/api/openapi.json", "/api/docs", "/api/redoc"),
    *("/api/docs/swagger.js", "/api/docs/swagger-ui-bundle.js", "/api/docs/swagger-ui.css"),
    *("/api/docs/redoc.js", "/api/docs/redoc.standalone.js"),
}
TOLD = {"not_grpc", "document", "unchanged", "verbs", "not_allowed", "tunnel", "unknown"}
# By the standard methods of the AIPs, these do no more when they are called a second time.
# So does a refresh, which gets the same token, a logout, and an exchange, which only gives a token.
REPEATABLE = (
    *("Get", "List", "BatchGet", "Delete", "Exchange", "Export", "Refresh", "Logout"),
    *("Quote", "Receive", "SetPriceBreaks", "Watch", "Checkout", "MergeCart", "UpdateCartItem"),
)


def emporium(route: Any) -> dict[str, str]:
    known: dict[str, str] = route.get("metadata", {}).get("filter_metadata", {}).get("emporium", {})
    return known


def leads_somewhere(route: Any) -> bool:
    return bool(route.get("route", {"cluster": "answers"})["cluster"] != "answers")


def told_status(route: Any) -> str:
    """The status that a route tells which leads to no service."""
    if "direct_response" in route:
        return str(route["direct_response"]["status"])
    added = {
        each["header"]["key"]: each["header"]["value"] for each in route["request_headers_to_add"]
    }
    return str(added["x-emporium-told"])


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return images.build()


@pytest.fixture(scope="module")
def routes(image: FileDescriptorSet, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("fresh")
    edge.generate(image, folder)
    made = yaml.safe_load(Path(folder, "envoy/generated/routes.yaml").read_text())
    found: list[Any] = made["resources"][0]["virtual_hosts"][0]["routes"]
    return found


def test_only_what_the_contract_calls_public_needs_no_token(routes: list[Any]) -> None:
    exempt = [
        route for route in routes if "require_token" in route.get("typed_per_filter_config", {})
    ]
    assert {route["name"] for route in exempt if leads_somewhere(route)} == PUBLIC
    # These go nowhere, and cannot.
    told = [route for route in exempt if not leads_somewhere(route)]
    assert {route["name"] for route in told} == TOLD
    documents = [route for route in told if route["name"] in ("document", "unchanged")]
    assert {route["match"]["path"] for route in documents} == DOCUMENTS
    refusals = [route for route in told if route not in documents]
    # Packed for whoever takes it so.
    statuses = {told_status(route) for route in documents}
    assert statuses == {"200", "304", "200 gzip", "304 gzip"}
    assert {told_status(route) for route in refusals} == {"204", "404", "405", "501"}
    unknown = next(route for route in routes if route["name"] == "unknown")
    assert unknown is routes[-1]
    assert told_status(unknown) == "404"


def test_whatever_the_contract_permits_passes_however_its_json_is_written(
    image: FileDescriptorSet, routes: list[Any]
) -> None:
    larger = set()
    for rpc in rpcs.read(image):
        assert rpc.json_bytes < MESSAGE_BYTES_MAX  # as which it is sent on
        for route in (each for each in routes if emporium(each).get("rpc") == rpc.path[1:]):
            limit = route.get("typed_per_filter_config", {}).get("body_limit", {}).get("buffer")
            by_rest = route["match"].get("path") != rpc.path
            assert not limit or by_rest
            if by_rest:
                bytes_max = limit["max_request_bytes"] if limit else BODY_BYTES_MAX
                assert rpc.json_bytes <= bytes_max
            if limit:
                told = route["metadata"]["filter_metadata"]["rest"]["body_bytes_max"]
                assert told == str(limit["max_request_bytes"])
                larger.add(rpc.name)
    assert larger == {"CreateOrder", "QuoteOrder"}


def test_rest_sends_no_stream(image: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    for method in (m for file in changed.file for each in file.service for m in each.method):
        method.client_streaming = method.name == "GetUser"
    with pytest.raises(SystemExit, match=r"UserService.GetUser: REST sends no stream"):
        rpcs.read(changed)


def test_only_what_is_safe_to_repeat_is_sent_again(routes: list[Any]) -> None:
    repeated = {
        route["name"].partition("/")[2]
        for route in routes
        if "retry_policy" in route.get("route", {})
    }
    standard = {route["name"].partition("/")[2] for route in routes if leads_somewhere(route)}
    assert repeated == {name for name in standard if name.startswith(REPEATABLE)}


def test_what_an_overload_may_refuse_counts_at_its_own_service(routes: list[Any]) -> None:
    never = set()
    for route in routes:
        if leads_somewhere(route) and "rpc" in emporium(route):
            enabled = [*shedding(route)]
            assert enabled in ([], [f"shed_{route['route']['cluster']}"])
            if not enabled:
                never.add(emporium(route)["rpc"].partition("/")[2])
    assert never == {
        *("ChangePassword", "DeleteApiKey", "DeleteSession", "DeleteUser", "Logout"),
        *("ResetPassword", "ServerReflectionInfo", "SetUserRole", "SuspendUser"),
        "WatchOrder",
    }


def shedding(route: Any) -> Iterator[str]:
    """The filters that this route enables, of those that refuse a call too many."""
    for name, filter_ in route.get("typed_per_filter_config", {}).items():
        if name.startswith("shed_"):
            assert filter_["config"] == {}
            yield name


def test_every_service_has_the_filter_that_its_routes_enable() -> None:
    config = yaml.safe_load((ROOT / "envoy/envoy.yaml").read_text())
    listeners = [each for each in config["static_resources"]["listeners"] if "address" in each]
    for each in listeners:
        filters = each["filter_chains"][0]["filters"][-1]["typed_config"]["http_filters"]
        shed = {one["name"]: one["disabled"] for one in filters if one["name"].startswith("shed_")}
        assert shed == {f"shed_{service.name}": True for service in SERVICES}


@pytest.mark.parametrize(
    "rpc",
    [
        "BatchGetUsers",
        "EraseActivity",
        "EraseBuyer",
        "ExportActivity",
        "ExportBuyer",
        "RecordAuditEvents",
        "RecordDomainEvents",
        "WatchRevocations",
    ],
)
def test_an_rpc_for_services_alone_leads_nowhere(rpc: str, routes: list[Any]) -> None:
    closed = [route for route in routes if route["name"].endswith(f"/{rpc}")]
    assert [(leads_somewhere(route), told_status(route)) for route in closed] == [(False, "404")]


def test_a_named_limit_stands_on_both_doors(routes: list[Any]) -> None:
    limited = [
        route["match"]["path"] for route in routes if emporium(route).get("limit") == "login"
    ]
    assert sorted(limited) == [
        "/api/v1/auth/email:verify",
        "/api/v1/auth/login",
        "/api/v1/auth/password",
        "/api/v1/auth/password:forgot",
        "/api/v1/auth/password:reset",
        "/api/v1/auth/totp",
        "/api/v1/auth/totp",
        "/api/v1/auth/totp:confirm",
        "/emporium.user.v1.AuthService/ChangePassword",
        "/emporium.user.v1.AuthService/Login",
        "/emporium.user.v1.EmailLinkService/ForgotPassword",
        "/emporium.user.v1.EmailLinkService/ResetPassword",
        "/emporium.user.v1.EmailLinkService/VerifyEmail",
        "/emporium.user.v1.TotpService/BeginTotp",
        "/emporium.user.v1.TotpService/ConfirmTotp",
        "/emporium.user.v1.TotpService/DeleteTotp",
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/users/1", "GetUser"),
        ("/api/v1/users/1/orders", "ListUserOrders"),
        ("/api/v1/orders/1/user", "GetOrderUser"),
    ],
)
def test_a_path_has_one_route(path: str, name: str, routes: list[Any]) -> None:
    matching = [
        route["name"].partition("/")[2]
        for route in routes
        if re.fullmatch(route["match"].get("safe_regex", {}).get("regex", "-"), path)
        and {"name": ":method", "string_match": {"exact": "GET"}}
        in route["match"].get("headers", [])
    ]
    assert matching == [name]


def test_every_route_of_an_rpc_tells_the_log_which(routes: list[Any]) -> None:
    named = [route for route in routes if "/" in route["name"]]
    assert named
    assert all(emporium(route)["rpc"] == route["name"] for route in named)


def test_a_reply_that_could_not_be_enveloped_is_named(image: FileDescriptorSet) -> None:
    assert list(replies.misplaced(image)) == []
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    user = next(
        message
        for file in changed.file
        if file.package == "emporium.user.v1"
        for message in file.message_type
        if message.name == "User"
    )
    later = user.field.add(name="logins", number=99, type="TYPE_INT32", label="LABEL_OPTIONAL")
    assert list(replies.misplaced(changed)) == []
    later.type = later.TYPE_STRING
    assert list(replies.misplaced(changed)) == []
    assert replies.has_first_etag(user)
    # What stands before the etag may hold others, where all that they hold is known.
    inner = user.field.add(name="held", number=7, type="TYPE_MESSAGE", type_name=".Held")
    held = DescriptorProto(name="Held")
    held.field.add(name="name", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    assert replies.has_first_etag(user, {".Held": held}.get)
    assert not replies.has_first_etag(user)
    held.field.add(name="etag", number=2, type="TYPE_STRING", label="LABEL_OPTIONAL")
    assert not replies.has_first_etag(user, {".Held": held}.get)
    held.field[1].name = "other"
    held.options.map_entry = True  # whose keys may be any name
    assert not replies.has_first_etag(user, {".Held": held}.get)
    user.field.remove(inner)
    user.field.add(name="tags", number=8, type="TYPE_STRING", label="LABEL_REPEATED")
    assert not replies.has_first_etag(user)
    assert list(replies.misplaced(changed)) == [
        "emporium.user.v1.User: 'etag' must be last, where envoy/rest.lua looks"
    ]
