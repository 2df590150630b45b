"""A gRPC client that has nothing of ours but the image: `@grpc/grpc-js`, of Node.js."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RequestInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2

from server.kit.descriptors import IMAGE
from server.local.cluster import Cluster
from tests.clients.fake_shop import open_shop
from tests.e2e.conftest import target
from tests.node import ended, installed

pytestmark = pytest.mark.timeout(180)
PACKAGE = Path(__file__).parents[1] / "server" / "contract" / "node"
DOORS = ("edge", "service")
CALLS_AT_ONCE = 100


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, and an image that has the standard health service as well."""
    folder = tmp_path_factory.mktemp("grpc-js")
    await installed(PACKAGE, folder)
    image = FileDescriptorSet.FromString(IMAGE.read_bytes())
    health_pb2.DESCRIPTOR.CopyToProto(image.file.add())
    (folder / "image.binpb").write_bytes(image.SerializeToString())
    return folder


async def outcomes(package: Path, cluster: Cluster, door: str, *names: str) -> list[Any]:
    """What came of the calls of `interop.js` that are named."""
    where = ("image.binpb", target(cluster, door), cluster.token("customer"))
    done = await ended("node", "interop.js", *where, *names, folder=package)
    assert done.code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def detail(outcome: Mapping[str, str], kind: type[Message]) -> Any:
    """The message of this kind in the status that came with a refusal."""
    status = Status.FromString(base64.b64decode(outcome["status"]))
    found = kind()
    assert any(each.Unpack(found) for each in status.details)
    return found


@pytest.mark.parametrize("door", DOORS)
async def test_it_is_answered_and_told_why_it_is_refused(
    package: Path, cluster: Cluster, door: str
) -> None:
    listed, refused, missing = await outcomes(package, cluster, door, "list", "refused", "missing")
    assert len(listed["answer"]["products"]) == 1
    assert refused["code"] == "UNAUTHENTICATED"
    assert missing["code"] == "NOT_FOUND"
    assert detail(missing, ErrorInfo).reason == "ORDER_NOT_FOUND"
    assert detail(missing, RequestInfo).request_id == "of-grpc-js"


@pytest.mark.parametrize("door", DOORS)
async def test_its_deadlines_and_cancels_are_its_own_and_the_connection_goes_on(
    package: Path, cluster: Cluster, door: str
) -> None:
    late, cancelled, large, after = await outcomes(
        package, cluster, door, "late", "cancelled", "large", "list"
    )
    assert late["code"] == "DEADLINE_EXCEEDED"
    assert cancelled["code"] == "CANCELLED"
    assert large["code"] == "RESOURCE_EXHAUSTED"
    assert "answer" in after


async def test_a_server_is_told_its_deadline(package: Path) -> None:
    async with open_shop() as shop:
        where = ("image.binpb", shop.address, "a-token")
        done = await ended("node", "interop.js", *where, "list", folder=package)
    assert done.code == 0, done.output
    assert shop.last.time_left is not None
    assert 9 < shop.last.time_left <= 10


@pytest.mark.parametrize("door", DOORS)
async def test_many_calls_share_its_connection(package: Path, cluster: Cluster, door: str) -> None:
    assert await outcomes(package, cluster, door, "many") == [{"answered": CALLS_AT_ONCE}]


async def test_a_service_tells_it_its_health(package: Path, cluster: Cluster) -> None:
    checked, watched = await outcomes(package, cluster, "service", "health", "watched")
    assert checked == {"answer": {"status": "SERVING"}}
    assert watched == {"answer": {"status": "SERVING"}, "code": "CANCELLED"}


async def test_the_edge_keeps_health_to_the_services(package: Path, cluster: Cluster) -> None:
    [refused] = await outcomes(package, cluster, "edge", "health")
    assert refused["code"] == "UNIMPLEMENTED"
