"""Holds what a REST caller sends, and asks for, against what the contract has it in."""

import re
from typing import ClassVar

from server.kit import errors
from server.kit.call.access import AccessRules
from server.kit.call.layers import Gate
from server.kit.call.method import Method, Rest
from server.kit.context import Context

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"


class MediaTypes:
    """Refuses a body that is not JSON, and a caller who takes no JSON.

    The transcoder reads every body as JSON, whatever its type, and a page of another origin may
    send types of forms without asking first. The edge reports the type of a body as `x-body-type`,
    unless it is plainly JSON, and what the caller takes as `x-accept`, unless it is everything
    (`envoy/body_fields.lua`). A body without a type counts as JSON; one with a coding, as
    `x-body-coding` has it, is never decoded. What comes byte for byte, as
    `google.api.HttpBody`, may be of any type, which is the servicer's to check. A body that the rpc
    does not take at all is refused for that.
    """

    # Nobody without access learns how to ask.
    inside_of: ClassVar[tuple[type, ...]] = (AccessRules,)

    def gate(self, method: Method) -> Gate | None:
        """None for an rpc that REST cannot call."""
        if method.rest is None:
            return None
        rest = method.rest

        def check(context: Context) -> None:
            sent = context.metadata.get("x-body-type")
            if sent is not None:
                _check_body_type(sent, rest)
            coding = context.metadata.get("x-body-coding")
            if coding is not None and rest.takes_body:
                _check_body_coding(coding)
            accepted = context.metadata.get("x-accept")
            if accepted is not None and rest.reply_type and not accepts(accepted, rest.reply_type):
                raise errors.NotAcceptable(
                    f"the answer is {rest.reply_type}, which 'Accept' leaves out"
                )

        return Gate(on_call=check)


def _check_body_type(sent: str, rest: Rest) -> None:
    if not rest.takes_json or not sent.strip() or is_json(sent):
        return
    mend = "send JSON, with 'Content-Type: application/json'"
    if _type_of(sent) == _FORM:
        mend += "; by curl with that as -H, or with --json in place of -d"
    raise errors.UnsupportedMediaType(mend)


def _check_body_coding(sent: str) -> None:
    if sent.strip().lower() not in ("", "identity"):
        raise errors.UnsupportedMediaType("send the body as it is, without 'Content-Encoding'")


def is_json(content_type: str) -> bool:
    """Whether it is a JSON type in UTF-8, the only encoding that JSON has (RFC 8259, 8.1)."""
    kind = _type_of(content_type)
    charset = _CHARSET.search(content_type)
    return (kind == "application/json" or kind.endswith("+json")) and (
        charset is None or charset[1].lower() in ("utf-8", "utf8", "us-ascii")
    )


def accepts(accept: str, media_type: str) -> bool:
    """Whether `Accept` lets in `media_type`: RFC 9110, 12.5.1. The most precise range decides."""
    ranges = {"*/*": 0, f"{media_type.partition('/')[0]}/*": 1, media_type: 2}
    best, quality = -1, 0.0
    for each in accept.split(","):
        precision = ranges.get(_type_of(each), -1)
        if precision > best:
            found = _QUALITY.search(each)
            best, quality = precision, float(found[1]) if found else 1.0
    return quality > 0 or not accept.strip(" ,")


def _type_of(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
