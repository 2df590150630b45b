"""Reads the request of OAuth's client credentials: RFC 6749, sections 2.3.1 and 4.4.2."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from google.api.httpbody_pb2 import HttpBody

from server.kit import errors
from server.user.api_keys.rules import InvalidClient, TokenRequest, UnsupportedGrantType

_FORM = "application/x-www-form-urlencoded"
_BYTES_MAX = 8_192
_FIELDS_MAX = 32
_GRANT_TYPE = "client_credentials"
_NO_CLIENT = (
    "send the API key's id and secret: as 'Authorization: Basic <base64 of id:secret>', or as"
    " client_id and client_secret in the form"
)


def from_form(request: HttpBody, authorization: str) -> TokenRequest:
    """What is asked for; `authorization` is the header, or empty.

    Raises `Malformed`, `UnsupportedGrantType`, and `InvalidClient` where nothing says which key.
    """
    form = _fields(request)
    if "grant_type" not in form:
        raise _flawed(f"needs grant_type={_GRANT_TYPE}")
    if form["grant_type"] != _GRANT_TYPE:
        raise UnsupportedGrantType
    client_id, secret = _credentials(form, authorization)
    return TokenRequest(client_id, secret, form.get("scope", ""))


def _fields(request: HttpBody) -> Mapping[str, str]:
    """The form's fields. Those without a value count as left out, which is the RFC's word."""
    if request.content_type.partition(";")[0].strip().lower() != _FORM:
        raise errors.Malformed(
            f"send a form, {_FORM}, with grant_type={_GRANT_TYPE}", field="content_type"
        )
    if len(request.data) > _BYTES_MAX:
        raise _flawed(f"may hold {_BYTES_MAX} bytes")
    try:
        pairs = parse_qsl(request.data.decode(), errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise _flawed("is not UTF-8, or has too many fields") from error
    form = dict(pairs)
    if len(form) < len(pairs):
        raise _flawed("says something twice")
    return form


def _credentials(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    """The client's id and secret, from the one place that has them."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        by_header = _basic(encoded)
        if secret or client_id not in ("", by_header[0]):
            raise _flawed("proves who the client is, and so does the header; send one")
        return by_header
    if not client_id or not secret:
        raise InvalidClient(_NO_CLIENT)
    return client_id, secret


def _basic(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
        client_id, _, secret = text.partition(":")
        pair = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise InvalidClient(_NO_CLIENT) from error
    if not all(pair):
        raise InvalidClient(_NO_CLIENT)
    return pair


def _flawed(problem: str) -> errors.Malformed:
    return errors.Malformed(f"the form {problem}", field="data")
