"""Refusals in the words of RFC 6749, section 5.2, as envoy/oauth.lua tells them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from server.contract.openapi.reasons import Reason

SCHEMA = {"$ref": "#/components/schemas/OAuthError"}

# Whose fault the call's failing is not.
_TEMPORARY = (429, 503, 504)
# What the edge itself refuses keeps its status.
_BY_EDGE = ("BODY_TOO_LARGE", "HEADERS_TOO_LARGE")


def status_of(words: Mapping[str, str], reason: Reason) -> int:
    """The status of a refusal; `words` are those that the rpc declares, by reason."""
    if error_of(words, reason) == "invalid_client":
        return int(HTTPStatus.UNAUTHORIZED)
    is_kept = reason.status in _TEMPORARY or reason.status >= 500 or reason.name in _BY_EDGE
    return reason.status if is_kept else int(HTTPStatus.BAD_REQUEST)


def error_of(words: Mapping[str, str], reason: Reason) -> str:
    """What `error` is then."""
    if reason.name in words:
        return words[reason.name]
    if reason.status == HTTPStatus.UNAUTHORIZED:
        return "invalid_client"
    if reason.status in _TEMPORARY:
        return "temporarily_unavailable"
    return "server_error" if reason.status >= 500 else "invalid_request"


def example(words: Mapping[str, str], reason: Reason) -> dict[str, Any]:
    """A refusal with that reason, as it is answered."""
    told = {"error": error_of(words, reason), "error_description": reason.example}
    return {"summary": reason.meaning, "value": told}
