"""The error table: complete, consistent with the contract, and small enough for the trailers."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from server.kit import errors
from server.kit.call.status import CODES, DOMAIN, HTTP_STATUSES, code_of
from server.kit.context import Context
from tests.discovery import import_server
from tests.server.kit.conftest import Running
from tests.server.refusals import Refused, refused

REPLIES_OF_THE_EDGE = Path(__file__).parents[4] / "envoy" / "generated" / "rest.lua"

# Which HTTP statuses may stand for a gRPC code.
FAMILIES = {
    grpc.StatusCode.INVALID_ARGUMENT: {400, 406, 413, 415, 422, 428},
    grpc.StatusCode.UNAUTHENTICATED: {401},
    grpc.StatusCode.PERMISSION_DENIED: {403},
    grpc.StatusCode.NOT_FOUND: {404},
    grpc.StatusCode.ALREADY_EXISTS: {409},
    grpc.StatusCode.FAILED_PRECONDITION: {409},
    grpc.StatusCode.ABORTED: {409, 412},
    grpc.StatusCode.RESOURCE_EXHAUSTED: {429},
    grpc.StatusCode.UNAVAILABLE: {503},
    grpc.StatusCode.DEADLINE_EXCEEDED: {504},
    grpc.StatusCode.INTERNAL: {500},
}


def walk(kind: type[errors.EmporiumError]) -> Iterator[type[errors.EmporiumError]]:
    for below in kind.__subclasses__():
        yield below
        yield from walk(below)


def every_error() -> list[type[errors.EmporiumError]]:
    """Every class of the server's, wherever it is named."""
    import_server()
    found = {kind for kind in walk(errors.EmporiumError) if kind.__module__.startswith("server.")}
    return sorted(found, key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__qualname__)
def test_every_error_has_a_row_a_reason_and_a_status_of_its_family(
    kind: type[errors.EmporiumError],
) -> None:
    assert kind.reason in HTTP_STATUSES, "the contract does not know the reason"
    if kind is not errors.NotFound:  # a kind that services name; by itself it has no reason
        assert HTTP_STATUSES[kind.reason] in FAMILIES[code_of(kind)]


@pytest.mark.parametrize("reason", [name for name, number in ErrorReason.items() if number])
def test_every_reason_has_an_error_status_and_somebody_who_gives_it(reason: str) -> None:
    assert 400 <= HTTP_STATUSES[reason] < 600
    of_the_edge = re.findall(r'"([A-Z_]+)"', REPLIES_OF_THE_EDGE.read_text())
    givers = {kind.reason for kind in every_error()} - {errors.NotFound.reason}
    assert reason in {*givers, *of_the_edge}


def test_only_kinds_of_the_kit_have_rows() -> None:
    assert all(kind.__base__ is errors.EmporiumError for kind in CODES)


def test_an_error_of_no_kind_is_found_out() -> None:
    class Homeless(errors.EmporiumError):
        reason = "INTERNAL"

    with pytest.raises(KeyError, match="Homeless"):
        code_of(Homeless)


def test_every_error_says_what_it_is() -> None:
    assert all(inspect.getdoc(kind) for kind in every_error())


async def answer_to(running: Running, error: BaseException) -> Refused:
    async def fail(message: Any, context: Context) -> Any:
        raise error

    async with running(fail) as ping:
        return await refused(ping.call("Ping", headers={"x-request-id": "it"}))


async def test_the_details_are_complete(running: Running) -> None:
    error = errors.Invalid(
        "2 fields are invalid",
        violations=[errors.Violation("email", "no @"), errors.Violation("age", "too high")],
        retry_after_seconds=1.5,
    )
    answer = await answer_to(running, error)
    assert (answer.reason, answer.domain) == ("VALIDATION_FAILED", DOMAIN)
    assert answer.violations == {"email": "no @", "age": "too high"}
    assert answer.request_id == "it"
    assert answer.retry_after_seconds == 1.5
    assert answer.message == answer.status.message == "2 fields are invalid"


async def test_the_short_form_names_one_field(running: Running) -> None:
    answer = await answer_to(running, errors.Outdated("it has changed", field="etag"))
    assert (answer.code, answer.violations) == (
        grpc.StatusCode.ABORTED,
        {"etag": "it has changed"},
    )


async def test_what_nobody_expected_is_a_fixed_sentence(running: Running) -> None:
    first = await answer_to(running, ZeroDivisionError("division by zero in users.py"))
    second = await answer_to(running, KeyError("dsn"))
    assert first.code is second.code is grpc.StatusCode.INTERNAL
    assert first.message == second.message
    assert "request id" in first.message
    assert first.request_id == "it"


async def test_a_timeout_of_something_awaited_is_a_deadline(running: Running) -> None:
    answer = await answer_to(running, TimeoutError())
    assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_rest_is_told_its_status_where_the_transcoder_would_say_another(
    running: Running,
) -> None:
    invalid = await answer_to(running, errors.Invalid("no"))
    internal = await answer_to(running, errors.Internal("no"))
    assert invalid.headers["x-http-status"] == "422"
    assert "x-http-status" not in internal.headers


async def test_more_mistakes_than_trailers_can_hold_are_cut_and_counted(running: Running) -> None:
    violations = [errors.Violation(f"items[{n}].quantity", "must be > 0") for n in range(1000)]
    answer = await answer_to(running, errors.Invalid("é" * 5000, violations=violations))
    assert answer.reason == "VALIDATION_FAILED"
    shown = [field for field in answer.violations if field]
    assert shown == [violation.field for violation in violations[: len(shown)]]
    assert answer.violations[""] == f"and {1000 - len(shown)} more"
