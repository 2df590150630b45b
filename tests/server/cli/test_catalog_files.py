"""`emporium import products` and `emporium export`, with a cluster of their own."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from server.cli.command_line import app
from tests.server.cli.test_import_orders import MESSY, emporium
from tests.server.importing.sheets import xlsx

HEADER = ["sku", "name", "unit_price", "categories", "on_hand", "status"]
MUG = ["A-1", "Mug", "2.55", "Kitchen > Mugs; Gifts", "12", ""]
CUP = ["A-2", "=Cup", "1.00", "Kitchen", "", "draft"]
BAD = ["A-3", "Jug", "2,55", "", "", ""]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster without sample data."""
    folder = tmp_path_factory.mktemp("catalog") / "home"
    options = ("--edge-port", "0", "--ephemeral", "--detach", "--seed", "none")
    ran = emporium("up", "--home", str(folder), *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    yield folder
    emporium("down", "--home", str(folder))


Said = Callable[..., str]


@pytest.fixture
def said(home: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    """`said("export", "orders")`: what the command says, which must exit with `code`."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, code: int = 0) -> str:
        ran = CliRunner().invoke(app, [*arguments, "--home", str(home)])
        assert ran.exit_code == code, ran.output
        return ran.stdout

    return run


def test_products_are_added_changed_and_left_alone(said: Said, tmp_path: Path) -> None:
    file, refused = tmp_path / "products.csv", tmp_path / "refused.csv"
    with file.open("w", newline="") as out:
        csv.writer(out, delimiter=";").writerows([HEADER, MUG, CUP, BAD])
    options = ("import", "products", str(file), "--refused-to", str(refused))

    would = said(*options, "--dry-run", code=1)
    assert "2 would be added" in would
    assert "3 categories would be added" in would
    assert exported(said, "products") == []

    done = said(*options, code=1)
    assert "separated by semicolons" in done
    assert "2 added" in done
    assert "1 stocks adjusted" in done
    assert "1 refused, BAD_PRICE 1" in done
    [row] = csv.DictReader(refused.read_text().splitlines())
    assert (row["line"], row["reason"], row["sku"]) == ("4", "BAD_PRICE", "A-3")

    again = said(*options, code=1)
    assert "0 added" in again
    assert "2 unchanged" in again
    assert "0 stocks adjusted" in again

    book = xlsx(tmp_path / "products.xlsx", [HEADER, ["a-1", "Mug", 2.75, "", 10.0], CUP])
    done = said("import", "products", str(book))
    assert "an XLSX file, its first sheet" in done
    assert "1 changed, unit_price of 1" in done
    assert "1 stocks adjusted" in done
    mug, cup = exported(said, "products")
    assert (mug["sku"], mug["unit_price"], len(mug["categories"])) == ("A-1", "2.75", 2)
    assert (cup["name"], cup["status"]) == ("=Cup", "draft")
    [_, shown] = csv.DictReader(said("export", "products").splitlines())
    assert shown["name"] == "'=Cup"  # which no spreadsheet takes for a formula
    [only] = exported(said, "products", "--status", "draft")
    assert only["sku"] == "A-2"


def exported(said: Said, what: str, *options: str) -> list[Any]:
    """What an export in NDJSON has."""
    lines = said("export", what, "--format", "ndjson", *options).splitlines()
    return [json.loads(line) for line in lines]


def test_orders_and_users_are_exported_without_what_tells_of_persons(
    said: Said, tmp_path: Path
) -> None:
    said("import", str(MESSY), code=0)
    orders = exported(said, "orders")
    assert orders
    assert all(order["number"].count("-") == 2 for order in orders)
    assert all(len(order["items"]) == order["item_count"] for order in orders)
    assert [order["order_date"] for order in orders] == sorted(o["order_date"] for o in orders)
    assert not {"user_id", "recipient"} & {*orders[0]}
    assert all(order["user_id"] for order in exported(said, "orders", "--personal"))
    users = exported(said, "users")
    assert not {"email", "full_name"} & {*users[0]}
    file = tmp_path / "users.csv"
    said("export", "users", "--personal", "--to", str(file), "--role", "customer")
    rows = [*csv.DictReader(file.read_text().splitlines())]
    assert "import.example" in {row["email"].rpartition("@")[2] for row in rows}
    assert {row["role"] for row in rows} == {"customer"}
    assert {each.name for each in tmp_path.iterdir()} == {"users.csv"}


def test_a_file_that_cannot_be_read_is_named(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("sku,prise\nA,1\n")
    ran = CliRunner().invoke(app, ["import", "products", str(file), "--home", str(home)])
    assert "nobody knows a column prise" in str(ran.exception)
