"""Copies what callers send in headers into the request, so that servicers read the request alone.

A precondition or a key that cannot be read fails closed: the change is refused, not made without.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from server.kit import errors
from server.kit.call.access import AccessRules
from server.kit.call.event_ids import EventIds
from server.kit.call.layers import Gate
from server.kit.call.method import Method
from server.kit.call.rest_names import RestNames
from server.kit.context import Context

# RFC 9110, 8.8.3. A tag without quotes is none, but leaves no doubt either.
_TAG = r'(?:W/)?"[!#-~]*"'
_TAG_LIST = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_STRONG_TAG = re.compile(r'(W/)?"([!#-~]*)"')
_BARE_TAG = re.compile(r"[!#-+\--~]+")

# A string of structured fields (RFC 9651, 3.3.3), as the IETF draft on this header wants it; or, as
# most callers send it, a word without quotes, which no structured field is.
_KEY = re.compile(r'"(?:[ !#-\[\]-~]|\\["\\])+"|(?!\*$)[!#-+\--~]+')

_ESCAPED = re.compile(r"\\(.)")


class EdgeHeaders:
    """Fills an empty `request_id` from `idempotency-key`, and an empty `etag` from `if-match`.

    A string of structured fields is unquoted for the field, whose rules are about what it says. As
    keys `x` and `"x"` are two all the same: `context.key_as_sent` holds the difference. Where
    header and request both say something, they must agree; an empty field that REST names says
    something, which nothing agrees with.

    Of several etags, which RFC 9110 allows, one must be the resource's: `etag` then holds them
    on lines of their own, which only the header can make. Only strong ones count. `If-Match: *` is
    any, and demands nothing: what is not there is NOT_FOUND anyway. An rpc may require one of them.
    With `If-None-Match`, which the edge answers for reads, no change is made.

    `last-event-id` goes before what the request says: an EventSource that connects again sends
    both, and has the other from when it connected first.
    """

    # Its refusals name fields of the request, which only callers with access may learn about;
    # `RestNames` has found out that there is a report of what REST has named.
    inside_of: ClassVar[tuple[type, ...]] = (AccessRules, RestNames)

    def gate(self, method: Method) -> Gate | None:
        """None for a read without such fields."""
        message: Any = method.request.DESCRIPTOR  # its type has two names, which mypy tells apart
        fields = message.fields_by_name
        checks: list[Callable[[Any, Context], None]] = []
        if "request_id" in fields:
            checks.append(_fill_request_id)
        if "etag" in fields:
            checks.append(_fill_etag)
            if method.precondition_required:
                checks.append(_require_etag)
        elif not method.is_read:
            checks.append(_refuse_if_match)
        if not method.is_read:
            checks.append(_refuse_if_none_match)
        if method.event_ids.last_field:
            checks.append(_filling_last_event_id(method.event_ids))
        if not checks:
            return None

        def check(request: Any, context: Context) -> None:
            for each in checks:
                each(request, context)

        return Gate(on_message=check)


def _fill_request_id(request: Any, context: Context) -> None:
    if not request.request_id and _is_named(context, "request_id", "requestId"):
        raise _bad_key("must hold a key, or be left out")
    sent = context.metadata.get("idempotency-key")
    if sent is not None:
        if not _KEY.fullmatch(sent):
            raise _bad_key("Idempotency-Key must hold one key, such as a UUID")
        key = _ESCAPED.sub(r"\1", sent[1:-1]) if sent.startswith('"') else sent
        if request.request_id not in ("", key):
            raise _bad_key("Idempotency-Key and request_id are two different keys")
        request.request_id = key
        context.key_as_sent = sent


def _bad_key(problem: str) -> errors.Invalid:
    return errors.Invalid(problem, field="request_id")


def _fill_etag(request: Any, context: Context) -> None:
    if not request.etag and _is_named(context, "etag"):
        raise errors.Outdated("an empty etag is none that this could have", field="etag")
    if errors.Outdated.BETWEEN in request.etag:
        request.etag = request.etag.replace(errors.Outdated.BETWEEN, " ")  # one, which nothing has
    sent = context.metadata.get("if-match")
    if sent is not None:
        if sent.strip() == "*":
            return
        tags = _strong_tags(sent)
        if request.etag:
            tags = [tag for tag in tags if tag == request.etag]
        if not tags:
            raise errors.Outdated("If-Match names no etag that this could have", field="etag")
        request.etag = errors.Outdated.BETWEEN.join(tags)


def _require_etag(request: Any, context: Context) -> None:
    # What is there but an empty etag is `If-Match: *`: all else has been refused by now.
    if not request.etag and "if-match" not in context.metadata:
        raise errors.PreconditionRequired(
            "send the etag that you have read, here or as If-Match", field="etag"
        )


def _strong_tags(sent: str) -> list[str]:
    """The etags that `sent` lists, without those that match nothing: weak and empty ones."""
    if _BARE_TAG.fullmatch(sent):
        return [sent]
    if not _TAG_LIST.fullmatch(sent):
        return []
    found = _STRONG_TAG.findall(sent)
    return list(dict.fromkeys(tag for weak, tag in found if tag and not weak))


def _refuse_if_match(request: Any, context: Context) -> None:
    if "if-match" in context.metadata:
        raise errors.Outdated("there is nothing here that If-Match could be compared with")


def _refuse_if_none_match(request: Any, context: Context) -> None:
    if "if-none-match" in context.metadata:
        raise errors.Outdated(
            "If-None-Match is for reads; what a change is to be made on, If-Match names"
        )


def _filling_last_event_id(ids: EventIds) -> Callable[[Any, Context], None]:
    def fill(request: Any, context: Context) -> None:
        sent = context.metadata.get("last-event-id")
        if not sent:
            return
        try:
            setattr(request, ids.last_field, ids.value_of(sent))
        except ValueError:
            problem = "Last-Event-ID is no id of an event that was sent here"
            raise errors.Invalid(problem, field=ids.last_field) from None

    return fill


def _is_named(context: Context, *names: str) -> bool:
    """Whether a REST caller has written one of `names`; nobody else's words are known."""
    metadata = context.metadata
    if metadata.get("x-emporium-door") != "rest":
        return False
    said = f"{metadata.get('x-body-fields')},{metadata.get('x-query-fields')}".split(",")
    return any(name in said for name in names)
