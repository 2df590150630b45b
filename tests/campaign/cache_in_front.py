"""A cache that others wrote, nginx, in front of the edge, by the file in `deploy/cache`.

It keeps what the contract lets anybody keep, and nothing else; and an operator has it fetched anew.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode

from tests.bench.machine import accepting, free_port
from tests.bench.report import Row
from tests.bench.tree import CHECKOUT
from tests.campaign.campaign import Setting
from tests.campaign.programs import CORES, child
from tests.discovery import contract
from tests.envoy.conftest import Edge, edge_before, signed
from tests.envoy.more_rpcs import source_with
from tests.envoy.upstream import Upstream, always, refusing
from tests.server.kit.ping import described

PACKAGE = "nginx"
_CONFIGURATION = CHECKOUT / "deploy" / "cache" / "nginx.conf"
_PROTO = CHECKOUT / "tests" / "envoy" / "kept.proto"
_SERVICE = described(_PROTO.read_text(encoding="utf-8"), _PROTO.name)
_WHOLE = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/cache.conf;
}}
"""
_OPERATOR = {"x-refresh": "yes"}


@dataclass(frozen=True)
class Scene:
    """The cache's `port` on 127.0.0.1, and the edge behind it."""

    port: int
    edge: Edge

    def says(self, text: str) -> None:
        """From now on the service answers so."""
        kept: Any = GetMessageClass(_SERVICE.methods_by_name["GetKept"].output_type)
        answer = always(kept(text=text, etag=text))
        self.edge.upstream.answers |= {"GetKept": answer, "GetOwnKept": answer}

    async def asked(self, path: str, times: int = 2, **options: Any) -> tuple[str, int]:
        """What the last of so many equal calls said, and how many of them reached the service."""
        before = len(self.edge.upstream.calls)
        local = options.pop("local_address", "127.0.0.1")
        transport = httpx.AsyncHTTPTransport(local_address=local)
        async with httpx.AsyncClient(transport=transport) as client:
            for _ in range(times):
                answer = await client.get(f"http://127.0.0.1:{self.port}{path}", **options)
        said = answer.json().get("data", answer.json().get("error"))
        reached = len(self.edge.upstream.calls) - before
        return str(said.get("text", said.get("code"))), reached


async def tried(setting: Setting) -> list[Row]:
    """A row for each promise."""
    if not shutil.which(PACKAGE):
        install = f"as root: apt-get install --yes --no-install-recommends {PACKAGE}"
        return [Row(what=f"cache in front: needs {PACKAGE}", figure=install, met=False)]
    folder = setting.folder / "cache_in_front"
    folder.mkdir()
    async with _scene(folder) as scene:
        return [*await _keeps(scene), *await _keeps_not(scene), *await _fetches_anew(scene)]


async def _keeps(scene: Scene) -> list[Row]:
    scene.says("first")
    first = await scene.asked("/api/v1/kept/1")
    scene.says("second")
    return [
        _row("what anybody may keep is asked for once", first, ("first", 1)),
        _row("and is kept", await scene.asked("/api/v1/kept/1"), ("first", 0)),
        _row(
            "pages of another origin have one of their own",
            await scene.asked("/api/v1/kept/1", headers={"origin": "https://other.example"}),
            ("second", 1),
        ),
    ]


async def _keeps_not(scene: Scene) -> list[Row]:
    token = {"authorization": f"Bearer {signed()}"}
    own = await scene.asked("/api/v1/own/1", headers=token)
    public = await scene.asked("/api/v1/kept/1", headers=token)
    scene.edge.upstream.answers["GetKept"] = refusing(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND", 404)
    refused = await scene.asked("/api/v1/kept/2")
    return [
        _row("what is one's own is not kept", own, ("second", 2)),
        _row("who sends a token is answered by the service", public, ("second", 2)),
        _row("a refusal is not kept", refused, ("ORDER_NOT_FOUND", 2)),
    ]


async def _fetches_anew(scene: Scene) -> list[Row]:
    scene.says("third")
    by_stranger = await scene.asked("/api/v1/kept/1", headers=_OPERATOR, local_address="127.0.0.2")
    before = await scene.asked("/api/v1/kept/1")
    by_operator = await scene.asked("/api/v1/kept/1", times=1, headers=_OPERATOR)
    after = await scene.asked("/api/v1/kept/1")
    return [
        _row("a stranger cannot have it fetched anew", by_stranger, ("first", 0)),
        _row("so that it is as it was", before, ("first", 0)),
        _row("an operator can", by_operator, ("third", 1)),
        _row("and from then on it is the new one", after, ("third", 0)),
    ]


def _row(what: str, found: tuple[str, int], due: tuple[str, int]) -> Row:
    said, reached = found
    return Row(
        what=what,
        ours=f"{said!r}; {reached} calls reached the service",
        target=f"{due[0]!r}; {due[1]}",
        met=found == due,
    )


@asynccontextmanager
async def _scene(folder: Path) -> AsyncIterator[Scene]:
    source = source_with(_PROTO, folder)
    async with Upstream((*contract(), _SERVICE)) as upstream:
        await upstream.serving(True)
        behind = folder / "edge"
        behind.mkdir()
        async with edge_before(upstream, behind, source=source, trusted_hops=1) as edge:
            port = free_port()
            configuration = _rendered(folder, port, edge.port)
            command = [PACKAGE, "-p", str(folder), "-c", str(configuration)]
            async with child(CORES, command, folder / "nginx.log"):
                await accepting(port)
                yield Scene(port, edge)


def _rendered(folder: Path, port: int, edge_port: int) -> Path:
    """The file with other ports and another folder, in all that nginx needs around it."""
    content = _CONFIGURATION.read_text(encoding="utf-8")
    for was, becomes in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server edge:8080;", f"server 127.0.0.1:{edge_port};"),
        ("/var/cache/nginx/emporium", f"{folder}/kept"),
    ):
        assert was in content, was
        content = content.replace(was, becomes)
    (folder / "cache.conf").write_text(content, encoding="utf-8")
    whole = folder / "nginx.conf"
    whole.write_text(_WHOLE.format(folder=folder), encoding="utf-8")
    return whole
