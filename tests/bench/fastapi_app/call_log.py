"""A JSON line on standard output for each call that has ended."""

import json
import logging
import sys
import time
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("calls")
_log.addHandler(logging.StreamHandler(sys.stdout))
_log.setLevel(logging.INFO)


class CallLog:
    """Middleware, which also gives a call its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = str(uuid4())
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            line = {
                "timestamp": time.time(),
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "request_id": state["request_id"],
                "caller": state.get("caller"),
                "duration_ms": round((time.perf_counter() - began) * 1000, 3),
            }
            _log.info(json.dumps(line))
