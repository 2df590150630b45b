"""A wall that names what is allowed refuses all else."""

import pytest
from grimp import ImportGraph

from tests.walls import AllowedImports


def kept(imported: str, **options: list[str]) -> bool:
    graph = ImportGraph()
    for name in ("shop.orders.rules", imported):
        graph.add_module(name)
    graph.add_import(importer="shop.orders.rules", imported=imported)
    contract = AllowedImports(
        name="Rules are pure",
        session_options={},
        contract_options={
            "source_modules": ["shop.*.rules"],
            "allowed": ["the standard library", "shop.errors"],
            **options,
        },
    )
    return contract.check(graph, verbose=False).kept


@pytest.mark.parametrize("imported", ["shop.errors", "decimal", "os.path"])
def test_what_is_allowed_may_be_imported(imported: str) -> None:
    assert kept(imported)


@pytest.mark.parametrize("imported", ["asyncpg", "shop.errors.deep", "shop.orders.store"])
def test_nothing_else_may(imported: str) -> None:
    assert not kept(imported)


def test_a_wall_may_judge_some_imports_only() -> None:
    assert kept("asyncpg", among=["shop.*"])
    assert not kept("shop.orders.store", among=["shop.*"])


def test_a_wall_around_nothing_is_a_mistake() -> None:
    assert not kept("decimal", source_modules=["shop.*.rule"])
