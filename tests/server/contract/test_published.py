"""Others load protos/emporium.binpb as it is: Buf, and Node.js, which then calls an rpc by it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from emporium.user.v1.user_service_pb2 import User
from server.contract import protoc, rules
from server.kit.descriptors import IMAGE
from tests.clients.fake_shop import answer, open_shop
from tests.discovery import contract
from tests.node import ended, installed

BUF = Path(sys.executable).with_name("buf")
SCRIPT = Path(__file__).parent / "node"
USER_ID = "01900000-0000-7000-8000-000000000000"


def test_the_image_holds_all_that_it_imports() -> None:
    files = FileDescriptorSet.FromString(IMAGE.read_bytes()).file
    assert {file.name for file in files} >= {*protoc.sources(), rules.VALIDATE}
    assert {each for file in files for each in file.dependency} <= {file.name for file in files}


def test_the_declaration_of_rules_comes_from_where_it_is_looked_for() -> None:
    declared = rules.declaration()
    assert (declared.name, declared.package) == (rules.VALIDATE, "buf.validate")
    assert {"field", "message", "oneof"} <= {each.name for each in declared.extension}


def test_buf_loads_it() -> None:
    linted = linted_by_buf(IMAGE)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_buf_does_not_load_an_image_that_lacks_an_import(tmp_path: Path) -> None:
    image = FileDescriptorSet.FromString(IMAGE.read_bytes())
    kept = [file for file in image.file if file.name != rules.VALIDATE]
    lacking = tmp_path / "lacking.binpb"
    lacking.write_bytes(FileDescriptorSet(file=kept).SerializeToString())
    linted = linted_by_buf(lacking)
    assert linted.returncode != 0
    assert rules.VALIDATE in linted.stderr


@pytest.mark.timeout(180)
async def test_node_loads_it_and_calls_an_rpc(tmp_path: Path) -> None:
    await installed(SCRIPT, tmp_path)
    async with open_shop() as shop:
        ada = User(id=USER_ID, email="ada@example.com", status=User.ACTIVE)
        shop.will("GetUser", answer(ada))
        said = await ended("node", "main.js", str(IMAGE), shop.address, USER_ID, folder=tmp_path)

    assert said.code == 0
    assert shop.last.request.user_id == USER_ID
    read = json.loads(said.output)
    assert (read["user"]["email"], read["user"]["status"]) == ("ada@example.com", "ACTIVE")
    assert set(read["services"]) == {service.full_name for service in contract()}


def linted_by_buf(image: Path) -> subprocess.CompletedProcess[str]:
    """Buf's linter, unlike its build, resolves every import of an image."""
    return subprocess.run(
        [BUF, "lint", image, "--path", "emporium", "--config", protoc.ROOT / "buf.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
