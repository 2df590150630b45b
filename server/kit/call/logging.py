"""One line for each call that has ended: who, what, how long, and what came of it."""

import time
from typing import ClassVar

import structlog
from grpc_health.v1 import health

from server.kit.call.layers import Watch
from server.kit.call.method import Rpc
from server.kit.call.request_id import RequestId
from server.kit.call.status import Refusal
from server.kit.context import Context

# Envoy checks each replica every second, and Kubernetes does too. Logged as `info`, these calls
# would be most of the log while saying nothing new.
_SUCCESS_IS_ROUTINE = frozenset({health.SERVICE_NAME})


class CallLog:
    """Logs successes and refusals as `info`, defects as `error` with their traceback.

    A successful health check is logged as `debug`.
    """

    inside_of: ClassVar[tuple[type, ...]] = (RequestId,)  # it sets the id and the time of the start

    def watch(self, rpc: Rpc) -> Watch:
        """A line with `method`, `request_id`, `caller`, `code`, `reason` and `duration_ms`.

        The line of a change has `resource` as well: the path of what it changed.
        """
        name = f"{rpc.service}/{rpc.name}"
        log = structlog.get_logger().bind()  # made once; the unbound one is looked up at every call
        log_success = log.debug if rpc.service in _SUCCESS_IS_ROUTINE else log.info

        def on_end(context: Context, outcome: Refusal | None) -> None:
            line = {
                "method": name,
                "request_id": context.request_id,
                "caller": context.caller.id if context.caller else None,
                "duration_ms": round((time.perf_counter() - context.started_at) * 1000, 3),
            }
            if context.resource:
                line["resource"] = context.resource
            if outcome is None:
                log_success("call", code="OK", **line)
            elif outcome.expected:
                log.info(
                    "call",
                    code=outcome.code.name,
                    reason=outcome.reason,
                    message=outcome.logged,
                    **line,
                )
            else:
                cause = outcome.__cause__ or outcome
                log.error("call", code=outcome.code.name, exc_info=cause, **line)

        return Watch(on_end=on_end)
