"""What a refused call said."""

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


class Refused:
    """A failed call's status, with its details unpacked."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details()
        call: Any = error  # it has what `from_call` reads, though not by its stubs
        status = rpc_status.from_call(call)
        assert isinstance(status, status_pb2.Status)
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        for detail in status.details:
            for kind in (info, bad, retry):
                detail.Unpack(kind)
        self.reason = info.reason
        self.fields = [violation.field for violation in bad.field_violations]
        self.retry_after_seconds = retry.retry_delay.ToTimedelta().total_seconds()


async def refused(call: Awaitable[Any]) -> Refused:
    """Awaits a call that must fail, and tells how it did."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return Refused(raised.value)
