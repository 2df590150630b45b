"""The addresses of Emporium."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

# The schemes of gRPC's own resolvers. Listed, because `host:port` looks like a scheme, too.
_GRPC_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:", "xds:")

_AUTHORITY = re.compile(r"[^\s/@]+")


@dataclass(frozen=True, kw_only=True)
class Targets:
    """An address for each service, for internal callers that call the services directly.

    A service that is left out cannot be called. Each address is `host:port`, a gRPC target such as
    `dns:///user.internal:50051` or `ipv4:10.0.0.1:50051,10.0.0.2:50051`, or a URL `http://` or
    `https://`; the last means TLS.
    """

    user: str | None = None
    order: str | None = None
    analytics: str | None = None

    @classmethod
    def of(cls, targets: "str | Targets | Mapping[str, str]") -> Self:
        """One edge address that leads to all services, or an address for each."""
        if isinstance(targets, str):
            return cls(user=targets, order=targets, analytics=targets)
        if isinstance(targets, Targets):
            return cls(user=targets.user, order=targets.order, analytics=targets.analytics)
        return cls(**targets)


@dataclass(frozen=True)
class Target:
    """One address as gRPC takes it, and whether to use TLS."""

    name: str
    is_secure: bool

    @classmethod
    def parse(cls, address: str) -> Self:
        """Reads an address in one of the forms that `Targets` names.

        Raises `ValueError` for an empty one, one with a space, and a URL with a path or a user.
        """
        if address.startswith(_GRPC_SCHEMES):
            return cls(address, is_secure=False)
        scheme, _, authority = address.rpartition("://")
        authority = authority.removesuffix("/")
        if scheme not in {"", "http", "https"} or not _AUTHORITY.fullmatch(authority):
            # The address is not repeated: a URL may hold a password.
            raise ValueError("this is no address: give host:port, or a gRPC target")
        return cls(f"dns:///{authority}", is_secure=scheme == "https")
