"""Answers what Envoy asks about each call."""

import logging
from collections.abc import Callable

from google.protobuf.message import DecodeError

from server.limits import wire
from server.limits.classes import Classes, UnknownClass
from server.limits.log_file import Full
from server.limits.store import Store

OK, INVALID_ARGUMENT, INTERNAL, UNAVAILABLE = 0, 3, 13, 14  # gRPC's

log = logging.getLogger(__name__)


class RateLimitService:
    """`envoy.service.ratelimit.v3.RateLimitService`.

    Where it cannot answer it says so, and Envoy refuses the call: it never admits one uncounted.
    """

    def __init__(self, classes: Classes, store: Store, clock: Callable[[], int]) -> None:
        self._classes = classes
        self._store = store
        self._clock = clock

    def should_rate_limit(self, message: bytes, asked_as: bytes) -> tuple[int, bytes]:
        """The gRPC status and the bytes of the answer to a `RateLimitRequest`.

        Who asks again about the same call asks as the same.
        """
        try:
            asked = wire.question(message, self._classes)
            if not asked:
                raise UnknownClass("no descriptor")
            return OK, wire.answer(self._store.ask(asked, self._clock(), asked_as))
        except (DecodeError, UnknownClass) as error:
            log.error("refused, because Envoy and limits.yaml do not fit: %s", error)  # noqa: TRY400 - it says all
            return INVALID_ARGUMENT, b""
        except Full:
            log.error("refused a new client: there are as many as can be remembered")  # noqa: TRY400 - so does this
            return UNAVAILABLE, b""
        except Exception:
            log.exception("refused")
            return INTERNAL, b""
