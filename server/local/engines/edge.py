"""The edge's configuration for one cluster: envoy/ with other ports, limits and paths."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from server.local.engines.envoy import admin_socket, connections_max
from server.local.home import keys, ports

# Paths in a container, as envoy/ has them.
CONTAINER = "/etc/envoy/"
CONTAINER_KEYS = "/etc/emporium/keys/"
HOST = "127.0.0.1"
# Eight times faster, where PyYAML was built with it.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Endpoints = Mapping[str, Sequence[tuple[str, int]]]


def render(
    source: Path,
    into: Path,
    *,
    edge_port: int,
    endpoints: Endpoints,
    jwks: Path,
    rate_limit_per_minute: int,
    login_limit_per_minute: int,
    cors_origins: Sequence[str] = (),
) -> Path:
    """Copies `source`, the envoy/ folder, to `into` for one cluster on this machine.

    `jwks` is the file of the public keys; what Envoy knows of them is written beside it.
    `endpoints` maps each service to the addresses (IP, port) of its replicas; `cors_origins`
    replace those of `source`, if there are any. Returns the file to start Envoy with. The port is
    opened on loopback only.
    """
    for name in ("body_fields.lua", "generated/rest.lua", "generated/emporium.pb"):
        _copy(source / name, into / name)
    moved = partial(_moved, {CONTAINER_KEYS: f"{jwks.parent}/", CONTAINER: f"{into}/"})
    routes = moved(_read(source / "generated/routes.yaml"))
    if cors_origins:
        _allow(routes, cors_origins)
    _write(into / "generated/routes.yaml", routes)
    transcoder = moved(_read(source / "generated/transcoder.yaml"))
    _write(into / "generated/transcoder.yaml", transcoder)
    write_keys(source, jwks.parent, _read_keys(jwks))
    for service, addresses in endpoints.items():
        write_endpoints(into, service, addresses)
    config = moved(_read(source / "envoy.yaml"))
    config |= _admin(into)
    _listen(config["static_resources"]["listeners"][0], edge_port)
    if ports.has_ipv6():
        _listen_also(config["static_resources"]["listeners"][0], ports.IPV6, edge_port)
    config["overload_manager"]["resource_monitors"][0]["typed_config"] |= {
        "max_active_downstream_connections": connections_max()
    }
    _limit(config, "subject", rate_limit_per_minute)
    _limit(config, "anonymous", rate_limit_per_minute)
    _limit(config, "login", login_limit_per_minute)
    return _write(into / "envoy.yaml", config)


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
    return _write(path, {"resources": [assignment]})


def write_keys(source: Path, into: Path, public: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Writes the filters that check tokens by the `public` keys; a running Envoy follows at once.

    `source` is the envoy/ folder.
    """
    # To Envoy a key has no end.
    key_set = json.dumps({"keys": [key for key in public if not keys.has_ended(key)]})
    written = []
    for name, filter_ in _read(source / "tokens.yaml").items():
        for provider in filter_["providers"].values():
            provider["local_jwks"] = {"inline_string": key_set}
        of_extension = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
        resource = {"@type": of_extension, "name": name, "typed_config": filter_}
        written.append(_write(into / f"{name}.yaml", {"resources": [resource]}))
    return written


def _read_keys(jwks: Path) -> list[dict[str, Any]]:
    public: list[dict[str, Any]] = json.loads(jwks.read_text(encoding="utf-8"))["keys"]
    return public


def _moved(paths: Mapping[str, str], content: Any) -> Any:
    """`content` with other paths in it. They may hold any character, which text would not bear."""
    if isinstance(content, dict):
        return {name: _moved(paths, value) for name, value in content.items()}
    if isinstance(content, list):
        return [_moved(paths, value) for value in content]
    if isinstance(content, str):
        for old, new in paths.items():
            if content.startswith(old):
                return new + content.removeprefix(old)
    return content


def _allow(routes: Any, origins: Sequence[str]) -> None:
    """Lets the pages of `origins`, and of no others, call the edge."""
    for host in routes["resources"][0]["virtual_hosts"]:
        policy = host["typed_per_filter_config"]["envoy.filters.http.cors"]
        policy["allow_origin_string_match"] = [{"exact": origin} for origin in origins]


def _admin(into: Path) -> dict[str, Any]:
    """The admin page, for its owner alone. Whoever reaches it can stop Envoy, so it has no port."""
    socket = admin_socket(into)
    return {"admin": {"address": {"pipe": {"path": str(socket), "mode": 0o600}}}} if socket else {}


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


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 (a safe one)


def _write(path: Path, content: Any) -> Path:
    """Replaces the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(yaml.dump(content, Dumper=Dumper, sort_keys=False), encoding="utf-8")
    return fresh.rename(path)
