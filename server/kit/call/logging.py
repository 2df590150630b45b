"""One line for each call that has ended: who, what, how long, and what came of it."""

import time

import structlog

from server.kit.call.layers import Watch
from server.kit.call.method import Method
from server.kit.call.status import Refusal
from server.kit.context import Context


class CallLog:
    """Logs successes and refusals as `info`, defects as `error` with their traceback."""

    def watch(self, method: Method) -> Watch:
        """A line with `method`, `request_id`, `caller`, `code`, `reason` and `duration_ms`."""
        name = f"{method.service}/{method.name}"
        log = structlog.get_logger().bind()  # made once; the unbound one is looked up at every call

        def on_end(context: Context, outcome: Refusal | None) -> None:
            line = {
                "method": name,
                "request_id": context.request_id,
                "caller": context.caller.id if context.caller else None,
                "duration_ms": round((time.perf_counter() - context.started_at) * 1000, 3),
            }
            if outcome is None:
                log.info("call", code="OK", **line)
            elif outcome.expected:
                log.info(
                    "call",
                    code=outcome.code.name,
                    reason=outcome.reason,
                    message=outcome.status.message,
                    **line,
                )
            else:
                cause = outcome.__cause__ or outcome
                log.error("call", code=outcome.code.name, exc_info=cause, **line)

        return Watch(on_end=on_end)
