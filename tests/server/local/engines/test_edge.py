"""The edge's configuration for one cluster. That Envoy starts on it is tested in tests/envoy."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.limits import classes
from server.local.checks import doctor
from server.local.engines import edge
from server.local.engines.limiter import CLASSES
from server.local.home.folder import Home
from server.services import SERVICES

SOURCE = Path(__file__).parents[4] / "envoy"


def render(
    into: Path,
    *origins: str,
    trusted_hops: int = 0,
    heap_mb: int = edge.HEAP_MB,
    **limits: int,
) -> Path:
    into.parent.mkdir(parents=True, exist_ok=True)
    (into.parent / "keys.json").write_text('{"keys": []}')
    return edge.render(
        SOURCE,
        into,
        edge_port=18080,
        endpoints={"user": [("127.0.0.1", 1), ("127.0.0.1", 2)], "order": [], "analytics": []},
        jwks=into.parent / "keys.json",
        limits={"client": 7, "anonymous": 8, "login": 3, "token": 4, **limits},
        cors_origins=origins,
        trusted_hops=trusted_hops,
        heap_mb=heap_mb,
    )


def rendered(folder: Path) -> Any:
    return yaml.safe_load(render(folder / "edge").read_text())


@pytest.fixture
def config(tmp_path: Path) -> Any:
    return rendered(tmp_path)


def test_the_one_port_is_on_loopback(config: Any) -> None:
    listener = config["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 18080}
    assert "admin" not in yaml.safe_load((SOURCE / "envoy.yaml").read_text())


def test_the_admin_page_is_a_socket_for_its_owner(config: Any, tmp_path: Path) -> None:
    pipe = {"path": str(tmp_path / "edge/admin.sock"), "mode": 0o600}
    assert config["admin"] == {"address": {"pipe": pipe}}


def test_where_no_socket_can_have_the_name_there_is_no_admin_page(tmp_path: Path) -> None:
    deep = tmp_path / ("é" * 50)
    assert "admin" not in rendered(deep)


def test_no_path_leads_into_a_container(config: Any, tmp_path: Path) -> None:
    for path in [tmp_path / "edge/envoy.yaml", *tmp_path.glob("edge/generated/*.yaml")]:
        assert "/etc/" not in path.read_text()
    for name in ("identify.yaml", "require_token.yaml"):
        assert str(tmp_path / name) in yaml.safe_dump(config)
        assert (tmp_path / name).exists()


def test_envoy_is_not_told_of_keys_that_have_ended(tmp_path: Path) -> None:
    now = int(time.time())
    keys: list[dict[str, Any]] = [
        {"kid": "user-1", "exp": now - 1},
        {"kid": "user-2", "exp": now + 60},
        {"kid": "user-3"},
    ]
    assert told(tmp_path, keys) == [["user-2", "user-3"]] * 2


def test_envoy_is_told_of_no_key_that_vouches_for_a_service(tmp_path: Path) -> None:
    names = ["user", *(service.own_key for service in SERVICES), "tea"]
    assert told(tmp_path, [{"kid": f"{name}-1"} for name in names]) == [["user-1"]] * 2


def told(folder: Path, keys: list[dict[str, Any]]) -> list[list[str]]:
    """The ids of the keys that each of the filters is written with."""
    found = []
    for path in edge.write_keys(SOURCE, folder, keys):
        (resource,) = yaml.safe_load(path.read_text())["resources"]
        for provider in resource["typed_config"]["providers"].values():
            known = json.loads(provider["local_jwks"]["inline_string"])["keys"]
            found.append([key["kid"] for key in known])
    return found


def test_the_limits_are_the_ones_asked_for(config: Any, tmp_path: Path) -> None:
    known = classes.read(tmp_path / "edge" / CLASSES)
    assert {limit.name: limit.calls for limit in known.limits.values()} == {
        "client": 7,
        "anonymous": 8,
        "staff": 1_000,
        "service": 6_000,
        "login": 3,
        "token": 4,
        "cart": 100,
    }
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    filters = {one["name"]: one for one in manager["typed_config"]["http_filters"]}
    buckets = {
        descriptor["entries"][0]["value"]: descriptor["token_bucket"]["max_tokens"]
        for descriptor in filters["large_bodies"]["typed_config"]["descriptors"]
    }
    assert buckets == {"subject": 1, "anonymous": 1}


def test_a_limit_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no limit named tea"):
        render(tmp_path / "edge", tea=1)


def test_proxies_in_front_and_memory_are_the_ones_asked_for(tmp_path: Path) -> None:
    asked = render(tmp_path / "edge", trusted_hops=2, heap_mb=300)
    config = yaml.safe_load(asked.read_text())
    outer = [each for each in config["static_resources"]["listeners"] if "address" in each]
    assert outer
    for listener in outer:
        manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
        assert manager["xff_num_trusted_hops"] == 2
    heap = config["overload_manager"]["resource_monitors"][1]["typed_config"]
    assert heap["max_heap_size_bytes"] == 300 * 2**20


def test_the_container_has_more_memory_than_envoy_may_allocate() -> None:
    compose = yaml.safe_load((SOURCE.parent / "docker-compose.yml").read_text())
    limits = compose["services"]["envoy"]["deploy"]["resources"]["limits"]
    config = yaml.safe_load((SOURCE / "envoy.yaml").read_text())
    heap = config["overload_manager"]["resource_monitors"][1]["typed_config"]
    assert heap["max_heap_size_bytes"] == edge.HEAP_MB * 2**20
    assert 0.8 * int(limits["memory"].removesuffix("M")) >= edge.HEAP_MB


def test_endpoints_are_replaced_whole(config: Any, tmp_path: Path) -> None:
    path = edge.write_endpoints(tmp_path / "edge", "user", [("127.0.0.1", 3)])
    assignment = yaml.safe_load(path.read_text())["resources"][0]
    assert assignment["cluster_name"] == "user"
    addresses = [
        each["endpoint"]["address"]["socket_address"]["port_value"]
        for each in assignment["endpoints"][0]["lb_endpoints"]
    ]
    assert addresses == [3]
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []


def allowed_origins(folder: Path) -> list[str]:
    routes = yaml.safe_load((folder / "generated/routes.yaml").read_text())
    (host,) = routes["resources"][0]["virtual_hosts"]
    policy = host["typed_per_filter_config"]["envoy.filters.http.cors"]
    return [each["exact"] for each in policy["allow_origin_string_match"]]


def test_the_origins_are_the_ones_asked_for_or_those_of_development(tmp_path: Path) -> None:
    render(tmp_path / "usual")
    example = (SOURCE.parent / ".env.example").read_text()
    assert f"\n#CORS_ORIGINS={' '.join(allowed_origins(tmp_path / 'usual'))}\n" in example
    render(tmp_path / "asked", "https://shop.example", "https://shop.example:8443")
    asked = ["https://shop.example", "https://shop.example:8443"]
    assert allowed_origins(tmp_path / "asked") == asked


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a: 'b' #c {d} \"é\"" / "edge"
    config = yaml.safe_load(render(folder).read_text())
    (host,) = config["static_resources"]["clusters"][:1]
    source = host["eds_cluster_config"]["eds_config"]["path_config_source"]
    assert source == {"path": f"{folder}/endpoints/{host['name']}.yaml"}


@pytest.mark.parametrize(
    ("hard", "allowed"), [(4096, 3596), (256, 128), (20_000, 10_000), (-1, 10_000)]
)
def test_connections_leave_room_for_other_files(
    hard: int, allowed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, hard))
    monitor = rendered(tmp_path)["overload_manager"]["resource_monitors"][0]["typed_config"]
    assert monitor["max_active_downstream_connections"] == allowed
    finding = doctor.examine(Home.at(tmp_path))[-1]
    assert "connections" in finding.text
    assert (finding.state == "warning") is (allowed < 10_000)
