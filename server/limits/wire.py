"""Envoy's questions and the answers to them, as messages."""

from collections.abc import Iterator, Sequence

from server.limits.classes import Classes
from server.limits.rls_pb2 import Header, RateLimitRequest, RateLimitResponse
from server.limits.rules import Limit, Verdict


def question(message: bytes, classes: Classes) -> list[tuple[Limit, str]]:
    """What a `RateLimitRequest` asks: the limits, and under each whose call it is.

    Raises `google.protobuf.message.DecodeError` and `UnknownClass`.
    """
    request = RateLimitRequest.FromString(message)
    return [
        classes.asked(request.domain, [(entry.key, entry.value) for entry in each.entries])
        for each in request.descriptors
    ]


def answer(verdicts: Sequence[Verdict]) -> bytes:
    """A `RateLimitResponse`: whether the call may go on, and the headers that tell the caller.

    The headers are of the limit that is nearest to refusing, or that refuses for longest.
    """
    admitted = all(verdict.admitted for verdict in verdicts)
    told = min(verdicts, key=lambda each: (each.admitted, each.remaining, -each.reset_seconds))
    response = RateLimitResponse(
        overall_code=RateLimitResponse.OK if admitted else RateLimitResponse.OVER_LIMIT,
        response_headers_to_add=[
            Header(key=key, value=value) for key, value in _headers(told, admitted=admitted)
        ],
    )
    return response.SerializeToString()


def _headers(told: Verdict, *, admitted: bool) -> Iterator[tuple[str, str]]:
    limit = told.limit
    # Of Envoy's names, which its other limits have too, the edge makes the contract's.
    yield "x-ratelimit-limit", str(limit.calls)
    yield "x-ratelimit-remaining", str(told.remaining)
    yield "x-ratelimit-reset", str(told.reset_seconds)
    # draft-ietf-httpapi-ratelimit-headers
    yield "ratelimit-policy", f'"{limit.name}";q={limit.calls};w={limit.seconds}'
    yield "ratelimit", f'"{limit.name}";r={told.remaining};t={told.reset_seconds}'
    if not admitted:
        yield "retry-after", str(told.reset_seconds)
