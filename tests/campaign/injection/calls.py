"""Calls of our own operations, each by a caller and about things that are made for it."""

import re

from tests.asking import RPCS
from tests.campaign.injection import values
from tests.campaign.injection.parameters import PATH, Json, Operation, Parameter
from tests.campaign.injection.requests import Request, Value, request
from tests.e2e.making import Caller, Scene, role_of

_RPCS = {rpc.name: rpc for rpc in RPCS}
# What has to be there, or nowhere yet; the scene knows them by these names.
_MADE = {
    *("api_key_id", "current_password", "email", "order_id", "password", "product_id"),
    *("refresh_token", "session_id", "sku", "totp_code", "user_id"),
}
_KEY = {"client_id": "id", "client_secret": "secret"}
_ETAGS = {"etag": "{}", "If-Match": '"{}"'}
# The same for all, so that two answers which say the same are equal.
_SAME = {"X-Request-Id": "sqlmap"}


def called(scene: Scene, operation: Operation, wanted: Parameter) -> Request:
    """A fresh call that has the wanted parameter, with a mark behind it."""
    rpc = _RPCS.get(operation.name)  # none where the edge answers by itself
    caller = scene.caller(role_of(rpc)) if rpc else None
    value = _made(scene, operation, caller) if caller else _said(operation)
    made = request(operation, wanted, value)
    headers = {**_SAME, **made.headers}
    if caller and operation.takes_token and not operation.is_form:
        headers["Authorization"] = f"Bearer {caller.token}"
    return Request(made.verb, made.target, headers, made.body)


def _said(operation: Operation) -> Value:
    return lambda parameter: values.value(operation, parameter)


def _made(scene: Scene, operation: Operation, caller: Caller) -> Value:
    in_path: dict[str, str] = {}
    key: dict[str, Json] = {}

    def value(parameter: Parameter) -> Json:
        name = parameter.name
        if name in _KEY:
            key.update(key or scene.api_key(caller))
            return key[_KEY[name]]
        if name in _ETAGS:
            resource = re.sub(r"[:/][^/{]*$", "", operation.template).format_map(in_path)
            return _ETAGS[name].format(scene.etag(resource))
        if name not in _MADE:
            return values.value(operation, parameter)
        made = scene.named(operation.name, name, caller)
        if parameter.place == PATH:
            in_path[name] = made
        return made

    return value
