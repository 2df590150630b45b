"""What several machines share: the limits in the form of Envoy's reference rate limit service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from emporium.options.v1.limits_pb2 import RateLimitClass
from server.limits import classes
from tests.compose import merged

ROOT = Path(__file__).parents[1]
MADE = ROOT / "envoy" / "generated" / "limits.yaml"
# As the service reads them: whatever else is there, it refuses at its start.
KEYS = {"key", "value", "rate_limit", "descriptors", "shadow_mode", "detailed_metric"}
LIMIT_KEYS = {"name", "unit", "requests_per_unit", "unlimited", "replaces"}
UNITS = {"second", "minute", "hour", "day"}


def every(descriptors: list[Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for each in descriptors:
        path = f"{above}/{each['key']}={each.get('value', '')}"
        yield path, each
        yield from every(each.get("descriptors", []), path)


def test_the_reference_service_reads_the_same_file() -> None:
    content = yaml.safe_load(MADE.read_text(encoding="utf-8"))
    assert set(content) == {"domain", "descriptors"}
    found = list(every(content["descriptors"]))
    assert len({path for path, _ in found}) == len(found)  # it refuses duplicates
    for path, each in found:
        assert set(each) <= KEYS, path
        limit = each.get("rate_limit", {"unit": "minute", "requests_per_unit": 1})
        assert set(limit) <= LIMIT_KEYS, path
        assert limit["unit"] in UNITS, path
        assert 0 < limit["requests_per_unit"] < 2**32, path
        assert isinstance(each.get("value", ""), str), path


def test_every_class_of_the_contract_has_a_limit() -> None:
    known = {limit.name for limit in classes.read(MADE).limits.values()}
    assert known == {name.lower() for name, number in RateLimitClass.items() if number}


def test_the_edge_asks_the_shared_service_where_compose_puts_it() -> None:
    shared = merged(ROOT / "deploy" / "limits" / "compose.yaml")["services"]
    file = yaml.safe_load((ROOT / "deploy/limits/endpoints/limits.yaml").read_text())
    (endpoint,) = file["resources"][0]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    service = shared["ratelimit"]
    assert address["address"] == service["networks"]["inside"]["ipv4_address"]
    assert str(address["port_value"]) == service["environment"]["GRPC_PORT"]
    (volume,) = service["volumes"]
    assert (ROOT / volume.partition(":")[0]) == MADE
    (endpoints,) = shared["envoy"]["volumes"]
    assert (ROOT / endpoints.partition(":")[0]).is_file()
    assert "ratelimit" in shared["envoy"]["depends_on"]
    assert all(shared[name]["profiles"] for name in ("limits-1", "limits-2"))
