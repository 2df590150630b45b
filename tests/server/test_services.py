"""The table of services, held against what lies in the folders and in the client."""

from dataclasses import fields
from pathlib import Path

import pytest

from emporium import Targets
from server.services import SERVICES, USER, Engine, Service, named

SERVER = Path(__file__).parents[2] / "server"
NAMES = [service.name for service in SERVICES]


def test_it_names_every_service_that_can_be_started_and_no_other() -> None:
    apps = [*SERVER.glob("*/app.py"), *SERVER.glob("*/app/")]
    others = {"limits"}  # a process that Envoy asks, of no contract
    assert sorted(NAMES) == sorted({each.parent.name for each in apps} - others)
    assert {field.name for field in fields(Targets)} == set(NAMES), "the client knows them too"


def test_no_two_services_share_a_port_a_database_or_a_key() -> None:
    for one in ("name", "port", "postgres", "mongo", "own_key"):
        values = [value for service in SERVICES if (value := getattr(service, one))]
        assert len(values) == len(set(values)), one


def test_neighbours_are_other_services() -> None:
    for service in SERVICES:
        assert set(service.neighbours) <= set(NAMES) - {service.name}


@pytest.mark.parametrize("engine", ["postgres", "mongo"])
@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_only_an_engine_that_a_service_has_has_migrations(service: Service, engine: Engine) -> None:
    folder = service.migrations_folder(engine)
    assert folder.is_relative_to(SERVER / service.name)
    if not getattr(service, engine):
        assert not folder.exists()


def test_a_service_is_found_by_its_name() -> None:
    assert named("user") is USER
    with pytest.raises(LookupError, match="no service tea; there are user, order, analytics"):
        named("tea")
