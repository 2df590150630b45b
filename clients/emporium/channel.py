"""Channels to Emporium, and their options."""

import grpc

from emporium.limits import MESSAGE_BYTES_MAX
from emporium.loopback import is_loopback
from emporium.reloading import ReloadingChannel
from emporium.retries import service_config
from emporium.targets import Target
from emporium.tls import Credentials, Tls

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.service_config", service_config()),
    # A peer that vanished without closing the connection is noticed within 70 s. The servers permit
    # a ping every 30 s; a client that pings more often is disconnected with `too_many_pings`.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # After an outage the server is tried again soon.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # Enough for the violations of an order with many lines, which are sent in the trailers.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
)


def open_channel(
    target: Target,
    credentials: grpc.ChannelCredentials | None,
    tls: Tls | None = None,
    service: str = "",
) -> grpc.aio.Channel:
    """A channel that connects when it is first used, and again whenever it has to.

    Over TLS when the target says so, or when there are `credentials` or a `tls`, whose files'
    changes it follows. With a `service` the server's certificate must name that. Belongs to the
    running loop. Raises `ValueError` for files that cannot be used.
    """
    # gRPC would ask a proxy, which `http_proxy` names, even for this machine.
    options = (*_OPTIONS, ("grpc.enable_http_proxy", int(not is_loopback(target.name))))
    if service:
        options = (*options, ("grpc.ssl_target_name_override", service))
    if tls is not None:
        files = Credentials(tls)
        return ReloadingChannel(
            lambda: grpc.aio.secure_channel(target.name, files.current, options),
            files.have_changed,
        )
    if credentials is None and not target.is_secure:
        return grpc.aio.insecure_channel(target.name, options)
    return grpc.aio.secure_channel(
        target.name, credentials or grpc.ssl_channel_credentials(), options
    )
