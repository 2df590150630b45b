"""Where the shop may post to: never into its own network, unless a setting allows it."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from server.kit import errors

URL_LENGTH_MAX = 2_048
PORT_MAX = 65_535

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Written out, because what Python calls global changes with its version. By RFC 6890 and IANA's
# registries; multicast and what is reserved besides.
_REFUSED_4 = [
    ipaddress.IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's metadata, at an address that is public by its number
    )
]
# Of IPv6 only this is given to anybody; the others in it lead to IPv4 addresses, or nowhere.
_GIVEN_6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_6 = [
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


def networks(text: str) -> Sequence[Network]:
    """The networks in `text`, with spaces between. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(each) for each in text.split())


def may_reach(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether the shop may connect to `address`: a public one, or one of `allowed`."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return may_reach(address.ipv4_mapped, allowed)
        if any(address in each for each in allowed if each.version == address.version):
            return address.scope_id is None
        in_use = address in _GIVEN_6 and not any(address in each for each in _REFUSED_6)
        return in_use and address.scope_id is None
    if any(address in each for each in allowed if each.version == address.version):
        return True
    return not any(address in each for each in _REFUSED_4)


def check_url(url: str, allowed: Sequence[Network], *, http: bool) -> None:
    """Raises `Invalid` for a URL that is none, or that can be seen to lead nowhere it may.

    What a name resolves to is judged at each connection: it may change.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise errors.Invalid("is no URL", field="url") from error
    if parts.scheme != "https" and not (http and parts.scheme == "http"):
        raise errors.Invalid("must be https", field="url")
    if "@" in parts.netloc or "#" in url or "\\" in url:
        raise errors.Invalid("must have no user, fragment or backslash", field="url")
    if not host or len(host) > 253 or port == 0 or len(url) > URL_LENGTH_MAX:
        raise errors.Invalid("must have a host, and a port from 1 to 65535 if any", field="url")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_local = host.rstrip(".").endswith("localhost")
        may = not is_local or may_reach(ipaddress.IPv4Address("127.0.0.1"), allowed)
    else:
        may = may_reach(address, allowed)
    if not may:
        raise errors.Invalid("must not lead to a private or reserved address", field="url")
