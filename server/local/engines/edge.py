"""The edge's configuration for one cluster: envoy/ with other ports, limits and paths."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from server.local.home import ports

# Paths in a container, as envoy/ has them.
CONTAINER = "/etc/envoy/"
CONTAINER_JWKS = "/etc/emporium/keys/jwks.json"
HOST = "127.0.0.1"

Endpoints = Mapping[str, Sequence[tuple[str, int]]]


def render(
    source: Path,
    into: Path,
    *,
    edge_port: int,
    admin_port: int,
    endpoints: Endpoints,
    jwks: Path,
    rate_limit_per_minute: int,
    login_limit_per_minute: int,
) -> Path:
    """Copies `source`, the envoy/ folder, to `into` for one cluster on this machine.

    `endpoints` maps each service to the addresses (IP, port) of its replicas. Returns the file to
    start Envoy with. Both ports are opened on loopback only.
    """
    for name in ("rest.lua", "body_fields.lua", "generated/emporium.pb"):
        _copy(source / name, into / name)
    for name in ("generated/routes.yaml", "generated/transcoder.yaml"):
        _replace(into / name, _moved((source / name).read_text(), into, jwks))
    for service, addresses in endpoints.items():
        write_endpoints(into, service, addresses)
    config = yaml.safe_load(_moved((source / "envoy.yaml").read_text(), into, jwks))
    _listen(config["admin"], admin_port)
    _listen(config["static_resources"]["listeners"][0], edge_port)
    if ports.has_ipv6():
        _listen_also(config["static_resources"]["listeners"][0], ports.IPV6, edge_port)
    _limit(config, "subject", rate_limit_per_minute)
    _limit(config, "anonymous", rate_limit_per_minute)
    _limit(config, "login", login_limit_per_minute)
    return _replace(into / "envoy.yaml", yaml.safe_dump(config, sort_keys=False))


def write_endpoints(into: Path, service: str, addresses: Sequence[tuple[str, int]]) -> Path:
    """Writes the endpoints of `service`; a running Envoy follows within milliseconds.

    `into` is the folder that `render` wrote; `addresses` are (IP, port). Envoy watches for renames,
    so that it never reads half a file.
    """
    assignment = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": service,
        "endpoints": [{"lb_endpoints": [_endpoint(*address) for address in addresses]}],
    }
    path = into / "endpoints" / f"{service}.yaml"
    return _replace(path, yaml.safe_dump({"resources": [assignment]}, sort_keys=False))


def _moved(text: str, into: Path, jwks: Path) -> str:
    return text.replace(CONTAINER_JWKS, str(jwks)).replace(CONTAINER, f"{into}/")


def _listen(holder: dict[str, Any], port: int) -> None:
    holder["address"]["socket_address"] = {"address": HOST, "port_value": port}


def _listen_also(listener: dict[str, Any], host: str, port: int) -> None:
    address = {"socket_address": {"address": host, "port_value": port}}
    listener["additional_addresses"] = [{"address": address}]


def _limit(config: dict[str, Any], name: str, per_minute: int) -> None:
    """Sets the bucket that `name`, a descriptor's key or value, is part of."""
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    manager = chain["filters"][0]["typed_config"]
    limits = next(one for one in manager["http_filters"] if one["name"] == "limits")
    for descriptor in limits["typed_config"]["descriptors"]:
        first = descriptor["entries"][0]
        if name in (first.get("value"), first["key"]):
            descriptor["token_bucket"] |= {
                "max_tokens": per_minute,
                "tokens_per_fill": per_minute,
            }
            return
    raise KeyError(f"envoy.yaml has no limit named {name}")


def _endpoint(host: str, port: int) -> dict[str, Any]:
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _replace(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    return fresh.rename(path)
