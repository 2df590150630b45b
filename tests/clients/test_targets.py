"""Addresses, in the forms that people write them."""

from typing import Any

import pytest

from emporium import Targets
from emporium.targets import Target


@pytest.mark.parametrize(
    ("address", "name", "is_secure"),
    [
        ("localhost:8080", "dns:///localhost:8080", False),
        ("shop.example.com", "dns:///shop.example.com", False),
        ("[::1]:8080", "dns:///[::1]:8080", False),
        ("http://127.0.0.1:8080", "dns:///127.0.0.1:8080", False),
        ("https://shop.example.com/", "dns:///shop.example.com", True),
        ("dns:///user.internal:50051", "dns:///user.internal:50051", False),
        ("ipv4:10.0.0.1:50051,10.0.0.2:50051", "ipv4:10.0.0.1:50051,10.0.0.2:50051", False),
        ("unix:/run/user.sock", "unix:/run/user.sock", False),
    ],
)
def test_an_address_becomes_a_target(address: str, name: str, is_secure: bool) -> None:
    assert Target.parse(address) == Target(name, is_secure)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://",
        "https://host/api/v1",
        "ftp://host",
        "a/b",
        "host:80\n",
        "a b",
        "http://ann:s3cret@host",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is no address") as raised:
        Target.parse(address)
    assert not address or address not in str(raised.value)


def test_one_address_leads_to_every_service() -> None:
    assert Targets.of("edge:8080") == Targets(
        user="edge:8080", order="edge:8080", analytics="edge:8080"
    )


def test_a_mapping_names_the_services_that_there_are() -> None:
    grpc = {"user": "a:1", "order": "b:2"}

    assert Targets.of(grpc) == Targets(user="a:1", order="b:2") == Targets.of(Targets(**grpc))


def test_a_service_that_does_not_exist_is_refused() -> None:
    misspelt: Any = {"users": "a:1"}
    with pytest.raises(TypeError, match="users"):
        Targets.of(misspelt)
