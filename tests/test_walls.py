"""What the walls refuse: imports that must fail are added to the tree's graph, one at a time."""

import functools
import re
from copy import deepcopy
from importlib.metadata import packages_distributions
from typing import Any

import grimp
import pytest
from grimp import ImportGraph
from importlinter import Contract
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.protected import ProtectedContract

from tests.test_layout import ROOT, TOOLS, WALLS
from tests.walls import STANDARD_LIBRARY, AllowedImports, Packages, line_of, matches

configure()  # the linter's own contracts want its clock


TYPES: dict[str, type[Contract]] = {
    "allowed_imports": AllowedImports,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "packages": Packages,
    "protected": ProtectedContract,
}

# The wall, the module that would break it, and what that imports.
REFUSED = [
    ("rules", "server.order.orders.rules.order", "asyncpg"),
    ("rules", "server.order.orders.rules.order", "server.order.orders.store.rows"),
    ("rules", "server.user.gifts.rules", "server.kit.postgres"),  # a subject that is new
    ("packages", "server.order.orders.service", "sqlalchemy"),
    ("packages", "server.order.orders.service", "psycopg"),
    ("packages", "server.order.orders.wire", "redis"),
    ("packages", "server.order.app", "asyncpg"),
    ("packages", "server.user.gifts.service", "asyncpg"),
    ("packages", "server.order.neighbours.users", "grpc"),
    ("packages", "server.kit.lifecycle", "typer"),
    ("packages", "server.kit.call.pipeline", "tests"),
    ("packages", "server.kit.unlisted.room", "structlog"),
    ("packages", "emporium.client", "structlog"),
    ("databases", "server.order.orders.service", "server.kit.postgres.pool"),
    ("databases", "server.order.orders.wire", "server.kit.postgres"),
    ("databases", "server.user.gifts.service", "server.kit.mongo.database"),
    ("stubs", "server.order.orders.store.rows", "emporium.order.v1.order_service_pb2"),
    ("order-stubs", "server.order.orders.wire", "emporium.user.v1.user_service_pb2"),
    ("user-stubs", "server.user.gifts.wire", "emporium.order.v1.order_service_pb2"),
    ("analytics-stubs", "server.analytics.sales.wire", "emporium.user.v1.user_service_pb2"),
    ("stores", "server.user.logins.store", "server.user.accounts.store"),
    ("kit-and-client", "server.kit.lifecycle", "emporium.client"),
    ("kit", "server.kit.lifecycle", "server.order.app"),
    ("client", "emporium.client", "server.settings"),
    ("local-cli", "server.local.cluster", "server.cli.up"),
]


@functools.cache
def tree() -> ImportGraph:
    return grimp.build_graph(
        *TOOLS["importlinter"]["root_packages"], include_external_packages=True, cache_dir=None
    )


def broken(wall: str, *imports: tuple[str, str]) -> bool:
    """Whether `wall` breaks once these modules import those, as well as all that the tree has."""
    options: dict[str, Any] = {
        name: value for name, value in WALLS[wall].items() if name not in {"id", "name", "type"}
    }
    contract = TYPES[WALLS[wall]["type"]](
        name=wall, session_options=TOOLS["importlinter"], contract_options=options
    )
    graph = deepcopy(tree())
    for importer, imported in imports:
        for name in {importer, imported} - graph.modules:
            graph.add_module(name)
        graph.add_import(importer=importer, imported=imported)
    return not contract.check(graph, verbose=False).kept


@pytest.mark.parametrize("wall", sorted({wall for wall, _, _ in REFUSED}))
def test_the_walls_stand(wall: str) -> None:
    assert not broken(wall)


@pytest.mark.parametrize(("wall", "importer", "imported"), REFUSED)
def test_what_a_room_may_not_import(wall: str, importer: str, imported: str) -> None:
    assert broken(wall, (importer, imported))


def test_a_new_subject_needs_no_line() -> None:
    """Of these walls; of `subjects` and of its service's layers it needs one each."""
    gifts = "server.user.gifts"
    imports = [
        (f"{gifts}.rules", "decimal"),
        (f"{gifts}.store", "asyncpg"),
        (f"{gifts}.store", "server.kit.postgres"),
        (f"{gifts}.store", f"{gifts}.rules"),
        (f"{gifts}.wire", "google"),
        (f"{gifts}.wire", "emporium.user.v1.user_service_pb2"),
        (f"{gifts}.service", "uuid_utils"),
        (f"{gifts}.service", f"{gifts}.store"),
    ]
    assert [wall for wall, _, _ in REFUSED if broken(wall, *imports)] == []


def test_every_package_of_a_room_is_in_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {normal(name) for name in re.findall(r"^([\w.-]+).*==", lock, re.MULTILINE)}
    installs = {
        module: {normal(name) for name in of} for module, of in packages_distributions().items()
    }
    named = {name for line in WALLS["packages"]["rooms"] for name in line_of(line)[1]}
    assert [name for name in sorted(named) if not locked & installs.get(name, set())] == []


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_room_that_has_packages_exists() -> None:
    graph = tree()
    rooms = [line_of(line)[0] for line in WALLS["packages"]["rooms"]]
    missing = [room for room in rooms if not any(matches(name, [room]) for name in graph.modules)]
    assert missing == []


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("shop.*.rules", "shop.orders.rules", True),
        ("shop.*.rules", "shop.orders.old.rules", False),
        ("shop.**", "shop", True),
        ("shop.**", "shop.orders.rules", True),
        ("shop.**", "shopping", False),
        ("shop.*", "shop", False),
        ("**", "asyncpg", True),
    ],
)
def test_patterns_are_those_of_the_linter(pattern: str, name: str, does: bool) -> None:
    assert matches(name, [pattern]) is does


def test_a_wall_around_nothing_is_a_mistake() -> None:
    contract = AllowedImports(
        name="nothing",
        session_options={},
        contract_options={"source_modules": ["shop.*.rule"], "allowed": [STANDARD_LIBRARY]},
    )
    assert not contract.check(ImportGraph(), verbose=False).kept
