"""docs/access.md says of every rpc what the service that answers enforces."""

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions

from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2
from server.contract import access
from server.contract import image as images
from server.kit.call.method import Audience, Fresh, Method, methods
from server.kit.context import Role
from tests.discovery import contract

METHODS = [method for service in contract() for method in methods(service)]
WHO: dict[int, str] = {
    Audience.PUBLIC: "anyone",
    Audience.SIGNED_IN: "signed in",
    Audience.PERSON: "any person",
}
WORDS: dict[int, str] = {
    Fresh.ALWAYS: "account",
    Fresh.BY_ROLE: "account, by role",
    Fresh.TOKEN: "token",
}


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return images.build()


def rows(page: str) -> dict[str, list[str]]:
    """The cells behind each rpc's full name."""
    found = {}
    for part in page.split("\n## ")[1:]:
        service, _, table = part.partition("\n")
        for line in table.splitlines():
            if re.match(r"\| [A-Z]", line):
                name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
                found[f"{service}/{name}"] = cells
    return found


def made(image: FileDescriptorSet, folder: Path) -> dict[str, list[str]]:
    [path] = access.generate(image, folder)
    return rows(path.read_text())


def test_every_rpc_has_one_row_and_there_is_no_other(
    image: FileDescriptorSet, tmp_path: Path
) -> None:
    assert set(made(image, tmp_path)) == {f"{each.service}/{each.name}" for each in METHODS}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
def test_the_row_says_what_the_service_enforces(
    image: FileDescriptorSet, tmp_path: Path, method: Method
) -> None:
    rest, who, word, scope = made(image, tmp_path)[f"{method.service}/{method.name}"]
    rule = method.access
    assert (method.rest.path if method.rest else "-") in rest
    assert {name for name in Role.__members__ if re.search(rf"\b{name}\b", who)} == set(rule.roles)
    if rule.audience in WHO:
        assert who == WHO[rule.audience]
    assert who.startswith("owner") == (rule.audience == Audience.OWNER)
    assert (f"`{rule.owner_field}`" in who) == bool(rule.owner_field)
    assert word == WORDS.get(rule.fresh, "-")
    assert scope == (f"`{rule.scope}`" if rule.scope else "-")


@pytest.mark.parametrize("services", [[], ["tea"], ["order", "tea"]], ids=str)
def test_an_rpc_for_services_that_names_none_or_an_unknown_one_is_refused(
    image: FileDescriptorSet, tmp_path: Path, services: list[str]
) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    access = _options(changed, "BatchGetUsers").Extensions[options_pb2.access]
    access.services[:] = services
    with pytest.raises(SystemExit, match=r"UserService\.BatchGetUsers"):
        made(changed, tmp_path)


def test_another_rule_is_another_page(image: FileDescriptorSet, tmp_path: Path) -> None:
    name = "emporium.user.v1.UserService/GetUser"
    assert made(image, tmp_path)[name][1] == "owner by `user_id`, ADMIN"
    opened = FileDescriptorSet.FromString(image.SerializeToString())
    _options(opened, "GetUser").Extensions[options_pb2.access].roles.append(role_pb2.STAFF)
    assert made(opened, tmp_path)[name][1] == "owner by `user_id`, ADMIN, STAFF"


def test_what_is_for_services_names_them(image: FileDescriptorSet, tmp_path: Path) -> None:
    _, who, *_ = made(image, tmp_path)["emporium.user.v1.AuditService/RecordAuditEvents"]
    assert who == "SERVICE (analytics or order)"


def _options(image: FileDescriptorSet, rpc: str) -> MethodOptions:
    [options] = [
        method.options
        for file in image.file
        for service in file.service
        for method in service.method
        if method.name == rpc
    ]
    return options
