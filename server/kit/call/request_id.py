"""Gives every call an id to be found by, from the edge to the last log line."""

import re
import time
from typing import ClassVar

from uuid_utils import uuid7

from emporium.deadline import request_id
from server.kit.call.layers import Watch
from server.kit.call.method import Rpc
from server.kit.context import Context

_is_well_formed = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch


class RequestId:
    """Takes `x-request-id` from the caller when it is well-formed, and makes one otherwise.

    Calls to neighbours carry it on: the client reads the same context variable.
    """

    inside_of: ClassVar[tuple[type, ...]] = ()

    def watch(self, rpc: Rpc) -> Watch:
        """The same for every rpc."""
        return Watch(_start)


def _start(context: Context) -> None:
    context.started_at = time.perf_counter()
    sent = context.metadata.get("x-request-id")
    context.request_id = sent if sent and _is_well_formed(sent) else str(uuid7())
    request_id.set(context.request_id)
