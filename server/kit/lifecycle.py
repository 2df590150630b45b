"""How a service process begins and ends.

A service's `app.py` opens its parts in one `async with` stack, in reading order, and waits for
`stopping()` inside it. Leaving the stack closes them in reverse: readiness goes first, calls
drain, pools close last.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import REGISTRY, CollectorRegistry

from emporium.limits import MESSAGE_BYTES_MAX
from server import settings
from server.kit import background, errors, garbage
from server.kit.audit.sink import AuditSink
from server.kit.auth import Tokens
from server.kit.background import Job
from server.kit.call import reflection
from server.kit.call.chain import pipeline
from server.kit.call.event_stream import EventStreams
from server.kit.call.foreign import ForeignServicers
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from server.kit.health import Health, Probe
from server.kit.standing import Accounts
from server.kit.tls import peers_of, server_credentials

_log = structlog.get_logger()

_KEYS_SECONDS = 1.0  # how soon a key that was withdrawn is refused; a new one is taken at once
# A client may ping this often even without a call; Envoy and the Python client ask less often.
_PING_INTERVAL_MS_MIN = 30_000
_CONNECTION_AGE_MS_MAX = 300_000
# Calls end sooner; a stream may live for 4 minutes, and have begun when its connection was old.
_CONNECTION_AGE_GRACE_MS = 270_000
# What the edge lets through (8 KB, envoy/envoy.yaml), its own report of the body's fields, and what
# gRPC counts for each header. Both limits of gRPC are this one: between them it refuses at random.
METADATA_BYTES_MAX = 32 * 1024


def run(main: Callable[[settings.Settings], Coroutine[Any, Any, None]], service: str) -> int:
    """Runs `main`, which is that `service`, on uvloop; gives the process's exit code."""
    try:
        configuration = settings.from_environment(service)
        for warning in settings.warnings():
            sys.stderr.write(f"emporium: warning: {warning}\n")
        if hasattr(os, "SCHED_BATCH"):
            # Linux only. A busy loop then gets longer time slices: 50 us of CPU less a call at full
            # load, 10 when others compete for the cores (two cores of an AMD EPYC, November 2026).
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        uvloop.run(main(configuration))
    except (settings.SettingsError, errors.Unavailable) as error:
        sys.stderr.write(f"emporium: {error}\n")
        return 1
    return 0


async def stopping() -> None:
    """Returns when the process is asked to stop, by SIGTERM or SIGINT. All its parts are open."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    garbage.settle()
    await asked.wait()


@dataclass(frozen=True)
class Registration:
    """A gRPC service and the servicer that answers for it."""

    service: ServiceDescriptor
    servicer: object
    close: Callable[[], None] | None = None  # ends its streams, which have no end of their own


@asynccontextmanager
async def serving(  # noqa: PLR0913 (a parameter for each part of a service)
    configuration: settings.Server,
    verifier: Tokens,
    registrations: Sequence[Registration],
    probes: Mapping[str, Probe],
    *,
    key_secret: bytes = b"",
    accounts: Accounts | None = None,
    audit: AuditSink | None = None,
    registry: CollectorRegistry = REGISTRY,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> AsyncIterator[int]:
    """Serves while the block runs, ready when every probe succeeds; yields the port.

    On leaving: NOT_SERVING, then a wait until load balancers have noticed, then no new calls, then
    every call in flight has ended or its grace is over.

    `interceptors` are grpc.aio's own. They stand outside of the pipeline and see every call, also
    of health and reflection. Each runs anew for every call, which a layer of `call/chain.py` does
    not. `key_secret` goes to `IdempotencyKeys`, `accounts` to `AccessRules`, `audit` to `Audit`.

    Raises `SettingsError` when it cannot listen.
    """
    in_flight = InFlight()
    metrics = CallMetrics(registry)
    deadline_seconds = configuration.deadline_seconds
    credentials, peers = server_credentials(configuration), peers_of(configuration)
    calls = pipeline(
        verifier, metrics, in_flight, deadline_seconds, key_secret, accounts, audit, peers
    )
    names = [registration.service.full_name for registration in registrations]
    health = Health(names, probes)
    foreign = ForeignServicers(calls.watchers)
    health.register(foreign)
    reflection.register(foreign, names, verifier)
    keys = Job("key_set", verifier.follow, _KEYS_SECONDS)
    server = grpc.aio.server(interceptors=interceptors, options=_options(configuration))
    event_streams = EventStreams()
    handle = partial(generic_handler, identified=peers is not None, event_streams=event_streams)
    server.add_generic_rpc_handlers(
        [handle(each.service, each.servicer, calls) for each in registrations]
    )
    server.add_generic_rpc_handlers(await foreign.handlers())
    port = _listen(server, configuration, credentials)
    await server.start()
    try:
        async with health.following(), background.running(keys, registry=registry):
            _log.info("serving", port=port, services=names)
            yield port
    finally:
        health.servicer.set(is_serving=False)
        _log.info("draining", in_flight=in_flight.count)
        await asyncio.sleep(configuration.drain_seconds)
        # A stream has no end of its own, and would use up the whole grace.
        health.servicer.close()
        event_streams.close()
        for each in registrations:
            if each.close:
                each.close()
        await server.stop(configuration.grace_seconds)
        # stop() does not wait for handlers that it has cut off, and they still hold connections.
        await in_flight.ended(configuration.grace_seconds)
        _log.info("stopped", in_flight=in_flight.count)


def _listen(
    server: grpc.aio.Server,
    configuration: settings.Server,
    credentials: grpc.ServerCredentials | None,
) -> int:
    """Listens on the service's port, and on the process's own if it has one; gives the former."""
    ports = [configuration.grpc_port]
    if configuration.own_port:
        ports.append(configuration.own_port)
    bound = [_bind(server, f"{configuration.grpc_host}:{port}", credentials) for port in ports]
    return bound[0]


def _bind(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials:
            return server.add_secure_port(address, credentials)
        return server.add_insecure_port(address)
    except RuntimeError as error:
        where = "where GRPC_HOST and GRPC_PORT (OWN_PORT) say"
        raise settings.SettingsError(f"cannot listen {where}; is the port in use?") from error


def _options(configuration: settings.Server) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", int(configuration.reuse_port)),
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_connection_age_ms", _CONNECTION_AGE_MS_MAX),
        ("grpc.max_connection_age_grace_ms", _CONNECTION_AGE_GRACE_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_MS_MIN),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
