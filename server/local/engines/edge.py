"""The edge's configuration for one cluster: envoy/ with other ports, limits and paths."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from server.contract import assets
from server.local.engines.envoy import admin_socket, connections_max
from server.local.engines.limiter import CLASSES
from server.local.home import keys, ports

# Paths in a container, as envoy/ has them.
CONTAINER = "/etc/envoy/"
CONTAINER_TLS = "/etc/emporium/tls/"
CONTAINER_KEYS = "/etc/emporium/keys/"
HOST = "127.0.0.1"
# Where Compose has callers come over TLS and HTTP/3.
CALLERS_PORT = ":443"
# Of generated/ and docs/, what has no paths in it.
COPIED = (
    *("generated/body_fields.lua", "generated/rest.lua"),
    *("generated/emporium.pb", "generated/openapi.json"),
    *("docs/swagger.html", "docs/swagger.js", "docs/redoc.html", "docs/redoc.js"),
)
# What Envoy may allocate, as envoy.yaml has it.
HEAP_MB = 200
# Of the requests that one client may make, one in so many may have a large body.
LARGE_BODIES_ONE_IN = 5
# And of those of a minute, at once.
LARGE_BODIES_AT_ONCE_ONE_IN = 4
# Eight times faster, where PyYAML was built with it.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Endpoints = Mapping[str, Sequence[tuple[str, int]]]


@dataclass(frozen=True, kw_only=True)
class EdgeTls:
    """TLS at the edge's own listener and to the services."""

    port: int  # by TCP, and by UDP for HTTP/3
    secrets: Path  # the folder of the files that name certificates, as deploy/tls/secrets
    certificates: Path  # the folder of the certificates themselves


def render(  # noqa: PLR0913 (what one cluster has otherwise than another)
    source: Path,
    into: Path,
    *,
    edge_port: int,
    endpoints: Endpoints,
    jwks: Path,
    limits: Mapping[str, int],
    cors_origins: Sequence[str] = (),
    tls: EdgeTls | None = None,
    trusted_hops: int = 0,
    heap_mb: int = HEAP_MB,
) -> Path:
    """Copies `source`, the envoy/ folder, to `into` for one cluster on this machine.

    `jwks` is the file of the public keys; what Envoy knows of them is written beside it.
    `endpoints` maps each service, and `limits`, to the addresses (IP, port) of its replicas;
    `limits` are calls a minute of classes of the contract (`RateLimitClass`); others have those
    that it says. `cors_origins` replace those of `source`, if there are any. Without `tls` there is
    no listener for it, and the services are called without. `trusted_hops` proxies stand in front,
    and the last `trusted_hops` addresses of X-Forwarded-For are theirs to write. Of more than
    `heap_mb` Envoy defends itself. Returns the file to start Envoy with. Ports are opened on
    loopback only.
    """
    for name in COPIED:
        _copy(source / name, into / name)
    assets.copy(into / "docs")
    paths = {
        CONTAINER_KEYS: f"{jwks.parent}/",
        assets.CONTAINER: f"{into}/docs/",
        CONTAINER: f"{into}/",
    }
    if tls:
        paths[CONTAINER_TLS] = f"{tls.certificates}/"
    moved = partial(_moved, paths)
    routes = moved(_read(source / "generated/routes.yaml"))
    if cors_origins:
        _allow(routes, cors_origins)
    _write(into / "generated/routes.yaml", routes)
    for name in ("generated/answers.yaml", "generated/transcoder.yaml"):
        _write(into / name, moved(_read(source / name)))
    write_keys(source, jwks.parent, _read_keys(jwks))
    for service, addresses in endpoints.items():
        write_endpoints(into, service, addresses, tls=tls is not None)
    for secret in (tls.secrets if tls else source / "secrets").glob("*.yaml"):
        _write(into / "secrets" / secret.name, moved(_read(secret)))
    config = _read(source / "envoy.yaml")
    secure = tls.port if tls else 0
    _listen(config, {"edge": edge_port, "edge_tls": secure, "edge_quic": secure})
    config = moved(config) | _admin(into)
    for manager in _managers(config):
        manager["xff_num_trusted_hops"] = trusted_hops
    _bound(config["overload_manager"], heap_mb)
    for caller, name in (("subject", "client"), ("anonymous", "anonymous")):
        _limit_large_bodies(config, caller, max(1, limits[name] // LARGE_BODIES_ONE_IN))
    classes = _read(source / CLASSES)
    for name, per_minute in limits.items():
        _limit(classes["descriptors"], name, per_minute)
    _write(into / CLASSES, classes)
    return _write(into / "envoy.yaml", config)


def write_endpoints(
    into: Path, service: str, addresses: Sequence[tuple[str, int]], *, tls: bool = False
) -> Path:
    """Writes the endpoints of `service`; a running Envoy follows within milliseconds.

    `into` is the folder that `render` wrote; `addresses` are (IP, port), called over TLS where
    `tls` says so. Envoy watches for renames, so that it never reads half a file.
    """
    assignment = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": service,
        "endpoints": [{"lb_endpoints": [_endpoint(*each, tls=tls) for each in addresses]}],
    }
    path = into / "endpoints" / f"{service}.yaml"
    return _write(path, {"resources": [assignment]})


def write_keys(source: Path, into: Path, public: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Writes the filters that check tokens by the `public` keys; a running Envoy follows at once.

    Of these it gets those that vouch for people: services call each other and not the edge, where
    a service's token is therefore like one that nobody has signed. `source` is the envoy/ folder.
    """
    # To Envoy a key has no end.
    known = [key for key in public if keys.is_for_people(key) and not keys.has_ended(key)]
    key_set = json.dumps({"keys": known})
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


def _listen(config: dict[str, Any], listens_on: Mapping[str, int]) -> None:
    """Opens each listener on its port, and leaves out those whose port is 0."""
    resources = config["static_resources"]
    resources["listeners"] = [
        each for each in resources["listeners"] if "address" not in each or listens_on[each["name"]]
    ]
    for listener in _outer(config):
        port = listens_on[listener["name"]]
        where = listener["address"]["socket_address"] | {"address": HOST, "port_value": port}
        listener["address"] = {"socket_address": where}
        if ports.has_ipv6():
            more = {"socket_address": where | {"address": ports.IPV6}}
            listener["additional_addresses"] = [{"address": more}]
        _advertise(listener, port)


def _advertise(listener: dict[str, Any], port: int) -> None:
    """Has callers of `listener` told of HTTP/3 on that port, where they are told of it."""
    for network in listener["filter_chains"][0]["filters"][:-1]:
        (stated,) = network["typed_config"]["on_new_connection"]
        text = stated["format_string"]["text_format_source"]
        text["inline_string"] = text["inline_string"].replace(CALLERS_PORT, f":{port}")


def _managers(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What each listener that has a port does with HTTP."""
    for listener in _outer(config):
        yield listener["filter_chains"][0]["filters"][-1]["typed_config"]


def _bound(overload_manager: dict[str, Any], heap_mb: int) -> None:
    """Sets how many connections there may be, and how much memory."""
    bounds = {
        "global_downstream_max_connections": {
            "max_active_downstream_connections": connections_max()
        },
        "fixed_heap": {"max_heap_size_bytes": heap_mb * 2**20},
    }
    for monitor in overload_manager["resource_monitors"]:
        monitor["typed_config"] |= bounds[monitor["name"].rpartition(".")[2]]


def _limit(descriptors: list[Any], name: str, per_minute: int) -> None:
    """Sets the limit of that class."""
    found = [each["rate_limit"] for each in _all(descriptors) if "rate_limit" in each]
    limits = [each for each in found if each["name"] == name]
    if not limits:
        raise KeyError(f"{CLASSES} has no limit named {name}")
    for limit in limits:
        limit["requests_per_unit"] = per_minute


def _all(descriptors: list[Any]) -> Iterator[Any]:
    for each in descriptors:
        yield each
        yield from _all(each.get("descriptors", []))


def _limit_large_bodies(config: dict[str, Any], caller: str, per_minute: int) -> None:
    """Sets the bucket of large bodies of a `subject`, or of one that is `anonymous`."""
    for manager in _managers(config):
        limits = next(one for one in manager["http_filters"] if one["name"] == "large_bodies")
        (bucket,) = (
            descriptor["token_bucket"]
            for descriptor in limits["typed_config"]["descriptors"]
            if descriptor["entries"][0]["value"] == caller
        )
        at_once = max(1, per_minute // LARGE_BODIES_AT_ONCE_ONE_IN)
        bucket |= {"max_tokens": at_once, "tokens_per_fill": per_minute}


def _outer(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The listeners that have a port."""
    return [each for each in config["static_resources"]["listeners"] if "address" in each]


def _endpoint(host: str, port: int, *, tls: bool) -> dict[str, Any]:
    endpoint: dict[str, Any] = {"endpoint": {"address": _address(host, port)}}
    if tls:
        matched = {"envoy.transport_socket_match": {"tls": True}}
        endpoint["metadata"] = {"filter_metadata": matched}
    return endpoint


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


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
