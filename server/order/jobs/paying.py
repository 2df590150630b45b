"""Payments whose outcome is not known: the provider is asked what has become of them."""

from server.kit.background import Job, Lock
from server.order.payments.processing import Processing

_INTERVAL_SECONDS = 1.0
_FORGETTING_SECONDS = 3_600.0


def payment_settlement(
    processing: Processing, lock: Lock, every_seconds: float = _INTERVAL_SECONDS
) -> Job:
    """Every second, in one of the processes that share `lock`: one look at an index, as a rule."""
    return Job("payment_settlement", processing.work_off, every_seconds, lock)


def notice_expiry(processing: Processing, lock: Lock) -> Job:
    """Forgets old notices, every hour."""
    return Job("payment_notice_expiry", processing.forget_notices, _FORGETTING_SECONDS, lock)
