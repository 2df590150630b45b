"""Whose failures are counted together, and how many there may be. Pure."""

import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from server.kit import errors

_IPV6_PREFIX = 64  # what one customer of a provider has at least


class TooManyFailures(errors.RateLimited):
    """So many attempts have failed that no more are made for a while."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"too many attempts have failed; try again in {seconds} s", retry_after_seconds=seconds
        )


class Kind(StrEnum):
    """What failures have in common that are counted together."""

    EMAIL = "email"  # logins from devices that have not signed in before
    ADDRESS = "address"  # the same
    DEVICE = "device"  # logins from one that has
    CALLER = "caller"  # what somebody tries who is signed in


@dataclass(frozen=True, slots=True)
class Source:
    """Where attempts come from, or at whom they are aimed."""

    kind: Kind
    value: str | bytes

    def key(self, secret: bytes) -> bytes:
        """What it is known by where failures are stored: nobody reads an e-mail from it."""
        value = self.value if isinstance(self.value, bytes) else self.value.encode()
        return hmac.digest(secret, self.kind.encode() + b"\0" + value, "sha256")


@dataclass(frozen=True, slots=True)
class Failures:
    """What has failed so far; none of it counts any more from `expires_at` on."""

    count: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """How many attempts may fail within `window`, counted from the first."""

    failures_max: int
    per_address_max: int
    window: timedelta

    def of(self, source: Source) -> int:
        """How many of `source` may."""
        return self.per_address_max if source.kind is Kind.ADDRESS else self.failures_max


def sources_of_login(email: str, address: str, device: bytes | None) -> Sequence[Source]:
    """What a login counts for, if it fails; the first is cleared when it does not.

    From a `device` that has signed in before it counts for that alone. Whether an account has the
    e-mail makes no difference.
    """
    if device is not None:
        return [Source(Kind.DEVICE, device)]
    of_email = Source(Kind.EMAIL, email.lower())
    return [of_email, Source(Kind.ADDRESS, network_of(address))] if address else [of_email]


def sources_of_caller(user_id: str) -> Sequence[Source]:
    """What it counts for when somebody who is signed in fails to prove more."""
    return [Source(Kind.CALLER, user_id)]


def network_of(address: str) -> str:
    """What one attacker has of addresses: of IPv6 a whole network."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))


def check_failures(found: Iterable[tuple[Failures, int]], now: datetime) -> None:
    """Raises `TooManyFailures` where failures have reached their limit, which stands beside them.

    It says how long all of them count.
    """
    waits = [each.expires_at - now for each, limit in found if each.count >= limit]
    if waits:
        raise TooManyFailures(max(1, -(-max(waits) // timedelta(seconds=1))))
