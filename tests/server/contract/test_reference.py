"""The pages of docs/reference/ have every rpc that the edge offers, and say of it what there is."""

from pathlib import Path

import pytest

from server.contract import image as images
from server.contract import reference, rpcs


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = reference.generate(images.build(), tmp_path_factory.mktemp("made"))
    return {path.stem: path.read_text() for path in made}


def test_every_rpc_that_the_edge_offers_has_its_place(pages: dict[str, str]) -> None:
    offered = [rpc for rpc in rpcs.read(images.build()) if rpc.bindings and not rpc.internal]
    assert pages.keys() == {rpc.service.rpartition(".")[2] for rpc in offered}
    for rpc in offered:
        page = pages[rpc.service.rpartition(".")[2]]
        assert f"\n## {rpc.name}\n" in page
        for binding in rpc.bindings:
            assert f"    {binding.verb} {binding.template}\n" in page


def test_a_place_has_fields_an_example_and_refusals(pages: dict[str, str]) -> None:
    place = pages["CatalogService"].partition("\n## CreateProduct\n")[2].partition("\n## ")[0]
    assert "| `unit_price` | string | " in place
    assert '"sku": "{{sku}}"' in place
    assert "| `SKU_TAKEN` | 409 | " in place
    assert "| `items` | list of `NewOrderItem` |" in pages["OrderService"]
    assert "| `properties` | map |" in pages["EventService"]


def test_a_page_ends_with_what_its_messages_are_made_of(pages: dict[str, str]) -> None:
    page = pages["OrderService"]
    part = page.partition("\n## NewOrderItem\n")[2].partition("\n## ")[0]
    assert "| `quantity` | int32 | How many, 1 to 100,000. |" in part
    status = page.partition("\n## Order.Status\n")[2].partition("\n## ")[0]
    assert "| `PENDING` | Placed, not yet paid. |" in status
    assert "UNSPECIFIED" not in status
    assert page.index("\n## Address\n") > page.index("\n## DeleteOrder\n")


def test_nothing_else_lies_among_them(tmp_path: Path) -> None:
    made = tmp_path / reference.FOLDER
    made.mkdir(parents=True)
    (made / "Gone.md").write_text("")
    assert [*reference.owned(tmp_path)] == [made / "Gone.md"]
