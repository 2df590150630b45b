"""Errors arrive as the exceptions that they are."""

import pickle

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, Help, RequestInfo, RetryInfo
from grpc import StatusCode

import emporium
from emporium import Emporium, EmporiumError, ErrorReason, Violation
from emporium.status import KINDS, KINDS_BY_REASON
from tests.clients.fake_shop import FakeShop, refuse

CASES = [
    (StatusCode.CANCELLED, "DEADLINE_EXCEEDED", emporium.Cancelled),
    (StatusCode.UNKNOWN, "INTERNAL", emporium.InternalError),
    (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED", emporium.InvalidRequest),
    (StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE", emporium.TooLarge),
    (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", emporium.DeadlineExceeded),
    (StatusCode.NOT_FOUND, "USER_NOT_FOUND", emporium.NotFound),
    (StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN", emporium.AlreadyExists),
    (StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED", emporium.PermissionDenied),
    (StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", emporium.Unauthenticated),
    (StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", emporium.RateLimited),
    (StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PENDING", emporium.Conflict),
    (StatusCode.ABORTED, "ETAG_MISMATCH", emporium.Outdated),
    (StatusCode.ABORTED, "CONFLICT", emporium.Conflict),
    (StatusCode.OUT_OF_RANGE, "INVALID_FILTER", emporium.InvalidRequest),
    (StatusCode.UNIMPLEMENTED, "METHOD_NOT_IMPLEMENTED", emporium.Unimplemented),
    (StatusCode.INTERNAL, "INTERNAL", emporium.InternalError),
    (StatusCode.UNAVAILABLE, "UNAVAILABLE", emporium.Unavailable),
    (StatusCode.DATA_LOSS, "INTERNAL", emporium.InternalError),
]


async def failure(shop: Emporium) -> EmporiumError:
    """What an update ends in; updates are never retried."""
    with pytest.raises(EmporiumError) as raised:
        await shop.users.update("an-id", full_name="Ann")
    return raised.value


@pytest.mark.parametrize(("code", "reason", "kind"), CASES)
async def test_each_status_and_reason_has_its_exception_with_everything_told(
    shop: Emporium,
    server: FakeShop,
    code: StatusCode,
    reason: str,
    kind: type[EmporiumError],
) -> None:
    violations = [
        BadRequest.FieldViolation(field="email", description="is no e-mail"),
        BadRequest.FieldViolation(field="items[1].quantity", description="must be above 0"),
    ]
    details = [
        Help(),  # A detail that the client does not know is passed over.
        ErrorInfo(reason=reason, domain="emporium"),
        BadRequest(field_violations=violations),
        RequestInfo(request_id="the-servers-id"),
        RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
    ]
    server.will("UpdateUser", refuse(code, "it is so", details))

    error = await failure(shop)

    assert type(error) is kind
    assert error.reason == reason
    assert error.message == "it is so"
    assert error.violations == (
        Violation("email", "is no e-mail"),
        Violation("items[1].quantity", "must be above 0"),
    )
    assert error.request_id == "the-servers-id"
    assert error.retry_after_seconds == 1.5
    assert isinstance(error.__cause__, grpc.aio.AioRpcError)
    assert str(error) == f"it is so ({reason}, request the-servers-id)"


def test_no_status_and_no_exception_is_without_a_case() -> None:
    def below(kind: type[EmporiumError]) -> set[type[EmporiumError]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    assert set(KINDS) == set(StatusCode) - {StatusCode.OK} == {code for code, _, _ in CASES}
    assert {kind for _, _, kind in CASES} == below(EmporiumError) - {EmporiumError}
    reasons = {reason for _, reason in KINDS.values()} - {""}
    assert reasons | set(KINDS_BY_REASON) <= set(ErrorReason.keys())


@pytest.mark.parametrize("code", set(KINDS))
async def test_without_details_the_status_alone_says_what_it_was(
    shop: Emporium, server: FakeShop, code: StatusCode
) -> None:
    server.will("UpdateUser", refuse(code, ""))

    error = await failure(shop)

    kind, reason = KINDS[code]
    assert type(error) is kind
    assert error.reason == reason
    assert error.message
    assert error.violations == ()
    assert error.request_id == server.last.metadata["x-request-id"]
    assert error.retry_after_seconds is None


async def test_details_that_cannot_be_read_do_not_hide_the_error(
    shop: Emporium, server: FakeShop
) -> None:
    garbage = ("grpc-status-details-bin", b"\xff\xff\xff")
    server.will("UpdateUser", refuse(StatusCode.NOT_FOUND, "gone", trailers=[garbage]))

    error = await failure(shop)

    assert type(error) is emporium.NotFound
    assert error.message == "gone"


async def test_the_edges_retry_after_header_is_read(shop: Emporium, server: FakeShop) -> None:
    header = ("retry-after", "12")
    server.will("UpdateUser", refuse(StatusCode.RESOURCE_EXHAUSTED, trailers=[header]))

    error = await failure(shop)

    assert type(error) is emporium.RateLimited
    assert error.retry_after_seconds == 12.0


async def test_a_message_too_long_to_send_is_not_mistaken_for_a_rate_limit(shop: Emporium) -> None:
    with pytest.raises(emporium.TooLarge) as raised:
        await shop.users.create("ann@example.com", "x" * 5_000_000)

    assert raised.value.reason == "BODY_TOO_LARGE"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (StatusCode.UNKNOWN, "Payload Too Large"),  # Envoy
        (StatusCode.UNKNOWN, "Received http2 header with status: 413"),  # gRPC, of a plain proxy
        (StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 8)"),
    ],
)
async def test_whoever_says_without_a_reason_that_it_is_too_large_is_understood(
    shop: Emporium, server: FakeShop, code: StatusCode, message: str
) -> None:
    server.will("UpdateUser", refuse(code, message))

    error = await failure(shop)

    assert (type(error), error.reason) == (emporium.TooLarge, "BODY_TOO_LARGE")


async def test_a_reason_is_believed_over_the_wording(shop: Emporium, server: FakeShop) -> None:
    told = [ErrorInfo(reason="INTERNAL", domain="emporium")]
    server.will("UpdateUser", refuse(StatusCode.UNKNOWN, "Payload Too Large", told))

    assert type(await failure(shop)) is emporium.InternalError


async def test_many_violations_fit_into_the_trailers(shop: Emporium, server: FakeShop) -> None:
    violations = [
        BadRequest.FieldViolation(field=f"items[{line}].quantity", description="must be above 0")
        for line in range(500)
    ]
    details = [BadRequest(field_violations=violations)]
    server.will("UpdateUser", refuse(StatusCode.INVALID_ARGUMENT, "many", details))

    assert len((await failure(shop)).violations) == 500


def test_errors_survive_pickling() -> None:
    error = emporium.NotFound("gone", reason="USER_NOT_FOUND", request_id="an-id")

    copied = pickle.loads(pickle.dumps(error))

    assert type(copied) is emporium.NotFound
    assert vars(copied) == vars(error)
