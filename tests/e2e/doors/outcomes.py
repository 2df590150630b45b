"""What came of a call, whichever door it was made by."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tests.e2e.doors.differences import LOG, MOMENTARY

Json = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """An answer, or why there is none."""

    answer: Message | None = None
    reason: str = ""
    message: str = ""
    violations: tuple[tuple[str, str], ...] = ()  # field and description
    retry_after_seconds: float = 0


def plain(outcome: Outcome) -> Any:
    """All of it, to be compared and shown."""
    if outcome.answer is not None:
        told = MessageToDict(outcome.answer, preserving_proto_field_name=True)
        if "exported_at" in told:
            told["parts"] = [part for part in told["parts"] if part["name"] != LOG]
        fields = outcome.answer.DESCRIPTOR.fields_by_name
        return {name: told[name] for name in told if fields[name].full_name not in MOMENTARY}
    return outcome.reason, outcome.message, [*outcome.violations], outcome.retry_after_seconds


def of_status(status: status_pb2.Status) -> Outcome:
    """The refusal that a `google.rpc.Status` tells."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        for kind in (info, bad, retry):
            detail.Unpack(kind)
    return Outcome(
        reason=info.reason,
        message=status.message,
        violations=tuple((each.field, each.description) for each in bad.field_violations),
        retry_after_seconds=retry.retry_delay.ToTimedelta().total_seconds(),
    )


def of_envelope(body: Json, retry_after: str | None) -> Outcome:
    """The refusal that REST's envelope tells."""
    error = body["error"]
    if isinstance(error, str):  # RFC 6749
        return Outcome(reason=error, message=body["error_description"])
    found = [each for detail in error["details"] for each in detail.get("field_violations", [])]
    return Outcome(
        reason=error["code"],
        message=error["message"],
        violations=tuple((each["field"], each["description"]) for each in found),
        retry_after_seconds=float(retry_after or 0),
    )


def of_data(body: Json, kind: type[Message]) -> Outcome:
    """The answer that is in REST's envelope, or stands without one."""
    data = body
    if body.get("status") == "success":
        data = body["data"] | ({"meta": body["meta"]} if "meta" in body else {})
    return Outcome(ParseDict(data, kind()))
