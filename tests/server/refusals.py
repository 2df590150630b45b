"""What a refused call said."""

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


class Refused:
    """A failed call's status, with its details unpacked."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        self.headers = dict(error.initial_metadata())
        call: Any = error  # it has what `from_call` reads, though not by its stubs
        status = rpc_status.from_call(call)
        assert isinstance(status, status_pb2.Status)
        self.status = status
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
        for detail in status.details:
            for kind in (info, bad, retry, request):
                detail.Unpack(kind)
        self.reason = info.reason
        self.domain = info.domain
        self.request_id = request.request_id
        self.retry_after_seconds = retry.retry_delay.ToTimedelta().total_seconds()
        self.violations = {found.field: found.description for found in bad.field_violations}
        self.fields = [violation.field for violation in bad.field_violations]


async def refused(call: Any) -> Refused:
    """Awaits a call that must fail, a stream to its end, and tells how it did."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _read(call)
    return Refused(raised.value)


async def _read(call: Any) -> Any:
    return [each async for each in call] if hasattr(call, "__aiter__") else await call
