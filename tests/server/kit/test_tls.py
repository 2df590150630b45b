"""The listener over TLS: what it shows, whom it lets in, and files that are replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import CollectorRegistry

from server.kit import auth, lifecycle, tls
from server.kit.check import is_serving
from server.kit.lifecycle import Registration
from server.services import ANALYTICS, SERVICES, USER, callers_of, named
from server.settings import Server, SettingsError
from tests import certificates
from tests.certificates import Authority, Pem
from tests.server.kit.ping import Believing, PingServicer, echo, request, service

REFUSED = "no connection"
FORBIDDEN = grpc.StatusCode.PERMISSION_DENIED.name
SERVED = "served"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def settings(authority: Authority) -> Server:
    """The user service's, which asks for certificates of the order service or the edge."""
    mine = authority.issue("user")
    return Server(
        metrics_port=0,
        drain_seconds=0,
        grace_seconds=1,
        tls_certificate_file=str(mine.certificate),
        tls_key_file=str(mine.key),
        tls_ca_file=str(authority.file),
        tls_client_ca_file=str(authority.file),
        tls_client_names="edge order",
    )


@asynccontextmanager
async def serving(verifier: auth.Verifier, settings: Server) -> AsyncIterator[int]:
    async with lifecycle.serving(
        settings,
        verifier,
        [Registration(service(), PingServicer(echo))],
        probes={},
        accounts=Believing(),
        registry=CollectorRegistry(),
    ) as port:
        yield port


async def told(port: int, authority: Authority, shown: Pem | None, name: str = "user") -> str:
    """What becomes of a call by who shows that certificate and expects `name`."""
    pair = shown.pair if shown else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.pem, *pair)
    options = (("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        method = service().methods_by_name["Ping"]
        call: Any = channel.unary_unary(
            f"/{service().full_name}/Ping",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            await call(request(text="hello"), timeout=5.0)
        except grpc.aio.AioRpcError as error:
            return REFUSED if error.code() is grpc.StatusCode.UNAVAILABLE else error.code().name
        return SERVED


async def test_it_lets_in_whom_a_certificate_names_and_nobody_else(
    verifier: auth.Verifier, settings: Server, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "strange").mkdir()
    stranger = Authority(tmp_path / "strange").issue("order")
    async with serving(verifier, settings) as port:
        assert await told(port, authority, authority.issue("order")) == SERVED
        assert await told(port, authority, authority.issue("edge", "else")) == SERVED
        assert await told(port, authority, authority.issue("analytics")) == FORBIDDEN
        assert await told(port, authority, None) == REFUSED
        assert await told(port, authority, stranger) == REFUSED
        assert await told(port, authority, authority.issue("order"), "another") == REFUSED
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as plain:
            ping: Any = plain.unary_unary(f"/{service().full_name}/Ping")
            with pytest.raises(grpc.aio.AioRpcError):
                await ping(b"", timeout=1.0)


async def test_without_an_authority_of_clients_it_asks_for_none(
    verifier: auth.Verifier, settings: Server, authority: Authority
) -> None:
    async with serving(verifier, replace(settings, tls_client_ca_file="")) as port:
        assert await told(port, authority, None) == SERVED
        assert await told(port, authority, authority.issue("analytics")) == SERVED


async def test_replaced_certificates_and_authorities_count_from_the_next_connection_on(
    verifier: auth.Verifier, settings: Server, authority: Authority, tmp_path: Path
) -> None:
    mine = authority.issue("order")
    async with serving(verifier, settings) as port:
        assert await told(port, authority, mine) == SERVED
        newer = Authority(tmp_path)  # in the same file, which is the listener's
        assert await told(port, authority, mine) == REFUSED, "no more of the authority of clients"
        theirs = newer.issue("order")
        newer.issue("user")
        assert await told(port, newer, theirs) == SERVED
        assert await told(port, authority, theirs) == REFUSED, "the listener shows the newer one"


async def test_files_of_no_use_leave_what_was_there(
    verifier: auth.Verifier,
    settings: Server,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = authority.issue("order")
    warned: list[str] = []
    monkeypatch.setattr(tls, "_log", _Log(warned))
    async with serving(verifier, settings) as port:
        for content in (b"", authority.issue("another").key.read_bytes()):
            certificates.replace(Path(settings.tls_key_file), content)
            assert await told(port, authority, caller) == SERVED
        authority.file.unlink()
        assert await told(port, authority, caller) == SERVED
    assert "tls.not_reloaded" in warned
    assert "tls.reloaded" not in warned


class _Log:
    """Where the lines go; their events alone are kept."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def warning(self, event: str, **_: object) -> None:
        self._lines.append(event)

    info = warning


async def test_the_health_check_of_containers_asks_as_the_service_itself(
    verifier: auth.Verifier, settings: Server
) -> None:
    async with serving(verifier, settings) as port:
        assert await asyncio.to_thread(is_serving, "user", port, settings)
        assert not await asyncio.to_thread(is_serving, "user", port)
        with pytest.raises(SettingsError, match="TLS_CA_FILE"):
            is_serving("user", port, replace(settings, tls_ca_file=""))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tls_key_file": ""}, "TLS_CERTIFICATE_FILE and TLS_KEY_FILE"),
        ({"tls_certificate_file": ""}, "TLS_CERTIFICATE_FILE and TLS_KEY_FILE"),
        ({"tls_certificate_file": "", "tls_key_file": ""}, "TLS_CLIENT_CA_FILE needs"),
        ({"tls_client_names": " "}, "TLS_CLIENT_NAMES"),
        ({"tls_key_file": "/nowhere/canary"}, "TLS_KEY_FILE.*No such file"),
        ({"tls_client_ca_file": __file__}, "TLS_CLIENT_CA_FILE.*not PEM"),
    ],
)
async def test_settings_of_no_use_are_named_and_no_value_is_repeated(
    verifier: auth.Verifier, settings: Server, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        async with serving(verifier, replace(settings, **changes)):
            pass
    assert "canary" not in str(refused.value)
    assert __file__ not in str(refused.value)


def test_neighbours_are_called_as_who_the_service_is(settings: Server) -> None:
    files = tls.to_neighbours(settings)
    assert files is not None
    assert files.by_service
    assert files.certificate_file == settings.tls_certificate_file
    assert tls.to_neighbours(replace(settings, tls_ca_file="")) is None
    with pytest.raises(SettingsError, match="TLS_CA_FILE") as refused:
        tls.to_neighbours(replace(settings, tls_ca_file="/nowhere/canary"))
    assert "canary" not in str(refused.value)


def test_who_may_call_whom_comes_from_the_table_of_services() -> None:
    assert "edge" in callers_of(USER)
    assert "order" in callers_of(ANALYTICS)
    for each in SERVICES:
        for neighbour in each.neighbours:
            assert each.name in callers_of(named(neighbour))
        assert each.name not in callers_of(each)
