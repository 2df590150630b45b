"""The two clients go by the same rules: errors, retries, renewals, and what the edge offers."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.api import annotations_pb2

import emporium
from emporium import EmporiumError, ErrorReason
from emporium.kept_login import RENEWED
from emporium.retries import FILES, RETRY_BUDGET, RETRY_POLICY, is_safe_to_repeat
from emporium.status import KINDS, KINDS_BY_REASON
from tests.typescript import CALLERS, SOURCE, run

pytestmark = pytest.mark.timeout(240)  # the first one builds the client
HTTP: Any = annotations_pb2.http
OFFERED = [
    service
    for file in FILES
    for service in file.services_by_name.values()
    if any(method.GetOptions().HasExtension(HTTP) for method in service.methods)
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rules(typescript: Path) -> Any:
    """Those of the TypeScript client."""
    done = await run(typescript, f"{CALLERS.name}/rules.js")
    assert done.code == 0, done.output
    return json.loads(done.output)


def test_each_status_has_the_same_error_and_reason(rules: Any) -> None:
    named = {status.name: [kind.__name__, reason] for status, (kind, reason) in KINDS.items()}
    # Where gRPC writes it with two, Connect has one `l`.
    named["CANCELED"] = named.pop("CANCELLED")
    assert rules["kinds"] == named


def test_the_same_reasons_have_an_error_of_their_own(rules: Any) -> None:
    named = {reason: kind.__name__ for reason, kind in KINDS_BY_REASON.items()}
    assert rules["kinds_by_reason"] == named
    assert set(rules["reasons"]) == set(ErrorReason.keys())


def test_the_errors_descend_from_each_other_alike(rules: Any) -> None:
    kinds = [each for each in vars(emporium.exceptions).values() if is_kind(each)]
    assert rules["parents"] == {kind.__name__: kind.__mro__[1].__name__ for kind in kinds}


def is_kind(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, EmporiumError) and each is not EmporiumError


def test_every_service_that_the_edge_offers_is_in_the_client(rules: Any) -> None:
    assert set(rules["services"]) == {service.full_name for service in OFFERED}


def test_the_same_calls_are_retried_as_often(rules: Any) -> None:
    methods = [method for service in OFFERED for method in service.methods]
    assert rules["safe"] == {method.name: is_safe_to_repeat(method) for method in methods}
    assert rules["attempts"] == RETRY_POLICY["maxAttempts"]
    assert rules["budget"] == RETRY_BUDGET


def test_the_same_refusals_are_worth_another_token(rules: Any) -> None:
    assert set(rules["renewed"]) == RENEWED


def test_both_are_of_one_version() -> None:
    package = json.loads((SOURCE / "package.json").read_text())
    assert package["version"] == emporium.__version__
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    assert package["license"] == project["license"]
