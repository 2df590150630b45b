"""Good values of parameters: by what the document says, and by name where that is words."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from tests.campaign.injection.parameters import Json, Operation, Parameter

_ID = "01900000-0000-7000-8000-000000000000"
# Of texts that the document describes in words alone.
_BY_NAME: dict[str, str | int] = {
    "Idempotency-Key": _ID,
    "action": "emporium.user.v1.AuthService/Login",
    "actor": "operator",
    "attribute": "colour:red",
    "created_after": "2024-01-01",
    "created_before": "2024-01-01",
    "currency": "GBP",
    "min_quantity": 10,
    "outcome": "ok",
    "part": "orders",
    "provider": "sandbox",
    "provider_token": "tok_approved",
    "placed_after": "2024-01-01",
    "placed_before": "2024-01-01",
    "expand": "user",
    "request_id": _ID,
    "role": "customer",
    "scope": "orders.read",
    "sort": "created_at:desc",
    "subject": _ID,
    "type": "product.viewed",
    "unit_price": "1.25",
}
_OF_OPERATION: dict[tuple[str, str], str] = {
    ("ListAuditEvents", "sort"): "first_at:desc",
    ("ListOrders", "status"): "pending",
    ("ListStockMovements", "sort"): "number:desc",
    ("ListProducts", "status"): "active",
    ("ListUserOrders", "status"): "pending",
    ("ListUsers", "status"): "active",
    ("UpdateCategory", "update_mask"): "parent_id",
    ("UpdateProduct", "update_mask"): "description",
    ("UpdateShipment", "update_mask"): "tracking_number",
    ("UpdateShippingMethod", "update_mask"): "name",
    ("UpdatePromotion", "update_mask"): "uses_max",
    ("UpdateTaxRate", "update_mask"): "name",
    ("UpdateAddress", "update_mask"): "label",
    ("UpdateWebhook", "update_mask"): "description",
    ("UpdateOrder", "update_mask"): "shipping_address",
    ("UpdateStock", "update_mask"): "low_stock_at",
    ("UpdateUser", "update_mask"): "age",
}
_FORMATS = {
    "date-time": "2024-01-01T00:00:00Z",
    "email": "ann@example.com",
    "int32": 1,
    "uuid": _ID,
}
# For a schema that none of those fits; the first that it takes.
_OTHERS = ("1", 1, True, "2024-01-01", "GB", "GBP", "123456", '"1"', "correct horse battery")


def value(operation: Operation, parameter: Parameter) -> Json:
    """One that its schema takes. Raises `LookupError` where none is known."""
    validator = jsonschema_rs.validator_for(dict(parameter.schema))
    known = [*_candidates(operation, parameter)]
    for each in (*known, *([one] for one in (*known, *_FORMATS.values()))):
        if validator.is_valid(each):
            return each
    raise LookupError(f"{operation.name}: no good value of {parameter} is known; name one here")


def _candidates(operation: Operation, parameter: Parameter) -> Iterator[Any]:
    schema, name = parameter.schema, parameter.name
    yield from (known[key] for known, key in _named(operation, name) if key in known)
    yield from (schema[word] for word in ("const", "example") if word in schema)
    yield from schema.get("enum", ())
    for part in (schema, *schema.get("anyOf", ())):
        if (form := part.get("format")) in _FORMATS:
            yield _FORMATS[form]
    yield from re.findall(r"`([^`]+)`", schema.get("description", ""))
    yield from _OTHERS


def _named(operation: Operation, name: str) -> Iterator[tuple[Any, Any]]:
    yield _OF_OPERATION, (operation.name, name)
    yield _BY_NAME, name
