"""Tells whether an address is on this machine, where a proxy has nothing to do."""

import ipaddress


def is_loopback(target: str) -> bool:
    """Whether all that the gRPC target `target` names is on loopback, as far as its text tells."""
    scheme, _, rest = target.partition(":")
    if scheme in {"unix", "unix-abstract"}:
        return True
    if scheme in {"ipv4", "ipv6"}:
        return all(_is_local(_host(each)) for each in rest.removeprefix("///").split(","))
    return _is_local(_host(target.removeprefix("dns:").rpartition("/")[2]))


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_local(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
