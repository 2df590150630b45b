"""What schemathesis calls with: callers by the declared access, and what there is to call about.

It loads this module by itself. What it means to be good is about something that is there, made for
that one call, so that no call spoils another's. Its stateful phase makes its own.
"""

import base64
import os
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import AuthContext, Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

from emporium.options.v1 import options_pb2
from server.local.home.folder import Home
from tests.discovery import contract
from tests.e2e.making import PASSWORD, Caller, Scene, role_of

_ACCESS: Any = options_pb2.access
_RPCS = {rpc.name: rpc for service in contract() for rpc in service.methods}
_EDGE, _HOME, _DATA, _TOKEN, _ANSWERS = (
    os.environ[f"SCENE_{name}"] for name in ("EDGE", "HOME", "DATA", "TOKEN", "ANSWERS")
)
Body = dict[str, Any]
_SCENE = Scene(_EDGE, Home(Path(_HOME), Path(_DATA)), _TOKEN)
# After them their caller has another session, second factor or password.
_ENDING = {"BeginTotp", "ConfirmTotp", "Logout"}

# By the rules that no keyword says: a percentage or an amount, which has a currency; a beginning
# before its end.
_OF_PROMOTIONS: Body = {"percentage": "10"} | dict.fromkeys(
    ("amount", "currency", "min_subtotal", "valid_from", "valid_until")
)
# Where the shop may post, and what there is to be told.
_OF_WEBHOOKS: Body = {
    "url": "https://partner.invalid",
    "event_types": ["emporium.order.v1.WebhookPaused"],
}
_BODIES: Mapping[str, Callable[[Caller, Body], Body]] = {
    "BeginTotp": lambda _, __: {"current_password": PASSWORD},
    "ChangePassword": lambda _, __: {"current_password": PASSWORD, "password": PASSWORD},
    "ConfirmTotp": lambda caller, _: {"totp_code": _SCENE.totp_code(caller)},
    "CreateOrder": lambda _, body: _lines(body),
    "QuoteOrder": lambda _, body: _lines(body),
    # What a buyer was shown, and addresses that were saved, are others.
    "CheckoutCart": lambda _, __: {"shipping_address_id": None, "total_price": None},
    "UpdateCart": lambda _, __: {"shipping_address_id": None, "update_mask": None},
    "CreatePromotion": lambda _, __: _OF_PROMOTIONS | {"code": uuid.uuid4().hex},
    "CreateWebhook": lambda _, __: _OF_WEBHOOKS,
    "UpdateWebhook": lambda _, body: {
        each: value for each, value in _OF_WEBHOOKS.items() if each in body
    },
    "CreateUser": lambda _, body: {"password": PASSWORD} if "password" in body else {},
    "Login": lambda caller, _: {"email": caller.email, "password": PASSWORD},
    "Refresh": lambda caller, _: {"refresh_token": str(_SCENE.login(caller)["refresh_token"])},
}
_callers: dict[str, Caller] = {}


def _lines(body: Body) -> Body:
    """Lines by their rules, whether they were sent as such or flat; and one address at most."""
    if "items" in body:
        return {"items": [_line(each) for each in body["items"]], "shipping_address_id": None}
    flat = {"product_name": "Cup", "quantity": 3, "total_price": "3.00"}
    return flat | {"shipping_address_id": None}


def _line(generated: Any) -> Any:
    """A line of an order by the rule that no keyword says: of a product, or with name and price."""
    if {"product_name", "unit_price"} <= generated.keys():
        return {name: each for name, each in generated.items() if name != "product_id"}
    return {"product_id": _SCENE.product(), "quantity": generated["quantity"]}


def _name(case: Case[Any]) -> str:
    return str(case.operation.definition.raw["operationId"])


@schemathesis.auth(refresh_interval=None)
class Callers:
    """One for each operation; those that end what they go on with, one for each call."""

    def get(self, case: Case[Any], context: AuthContext) -> Caller | None:
        name = _name(case)
        if name not in _RPCS:
            return None  # the edge answers by itself
        if name in _ENDING or name not in _callers:
            _callers[name] = _SCENE.caller(role_of(_RPCS[name]))
        return _callers[name]

    def set(self, case: Case[Any], caller: Caller, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {caller.token}"
        if _RPCS[_name(case)].GetOptions().Extensions[_ACCESS].takes_basic:
            key = _SCENE.api_key(caller)
            secret = base64.b64encode(f"{key['id']}:{key['secret']}".encode()).decode()
            case.headers["Authorization"] = f"Basic {secret}"


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Makes what the call is about, and spares those who call."""
    for header in [header for header in case.headers if "_" in header]:
        del case.headers[header]  # refused at the edge (tests/envoy/test_edge_refusals.py)
    name = _name(case)
    caller = _callers.get(name)
    if caller is None or case.meta is None or not _is_signed(case, caller):
        return
    if case.meta.phase.name is not TestPhase.STATEFUL and _is_good(case, ParameterLocation.PATH):
        case.path_parameters |= _SCENE.all_named(name, [*case.path_parameters], caller)
        _name_etag(case)
    spared = {each.id for each in _callers.values()}
    if case.method != "GET" and case.path_parameters.get("user_id") in spared:
        case.path_parameters["user_id"] = _SCENE.user()
    if isinstance(case.body, dict) and _is_good(case, ParameterLocation.BODY):
        if name in _BODIES:
            case.body = case.body | _BODIES[name](caller, case.body)
        if "Idempotency-Key" in case.headers:
            case.body.pop("request_id", None)  # two keys would be none


def _is_signed(case: Case[Any], caller: Caller) -> bool:
    """Whether the caller calls, and not schemathesis without the token to see what happens."""
    said = str(case.headers.get("Authorization", ""))
    return said.endswith(caller.token) or said.startswith("Basic ")


def _is_good(case: Case[Any], part: ParameterLocation) -> bool:
    return case.meta is not None and not case.meta.is_negative_at(part)


def _name_etag(case: Case[Any]) -> None:
    """Wherever an etag may be said, and is: the one that the resource has."""
    said = [part for part in (case.query, case.body) if isinstance(part, dict) and "etag" in part]
    if not said and "If-Match" not in case.headers:
        return
    etag = _SCENE.etag(re.sub(r":[^/{]*$", "", case.path).format_map(case.path_parameters))
    for part in said:
        part["etag"] = etag
    if "If-Match" in case.headers:
        case.headers["If-Match"] = f'"{etag}"'


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """`null` is as good as a field that is left out, as the document says in words: for a schema,
    every field that may be left out would have another type, and a change seem to take it away.
    To the transcoder so is `{}`, where JSON has a text for a message.

    For a stream of events OpenAPI 3.1 has a schema of its whole text alone, which schemathesis
    takes for one of each event.
    """
    if failure.title == "SSE event violates schema":
        return False
    # By what the query says to go on after; by the token of the person whose cart it is.
    is_overruled = bool({"Last-Event-ID", "Cart-Secret"} & {*case.headers})
    accepted = isinstance(failure, AcceptedNegativeData)
    return not (accepted and (is_overruled or _leaves_out(case.body)))


def _leaves_out(part: Any) -> bool:
    if isinstance(part, dict | list) and part:
        return any(map(_leaves_out, part.values() if isinstance(part, dict) else part))
    return part is None or part == {}


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Keeps which operation has answered what."""
    with Path(_ANSWERS).open("a") as answers:
        answers.write(f"{_name(case)} {response.status_code}\n")
