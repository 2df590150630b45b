"""`emporium import`, into a cluster of its own, which is not spared."""

import asyncio
import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emporium import Emporium
from server.cli.command_line import app
from server.importing.files import COLUMNS
from server.local.errors import LocalError
from server.local.home.record import require_running

MESSY = Path(__file__).parents[1] / "importing" / "messy.csv"
TIMEOUT_SECONDS = 50
POLL_SECONDS = 0.05


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "120"}


def emporium(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command as a shell would, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=environment(),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster without sample data."""
    folder = tmp_path_factory.mktemp("import") / "home"
    options = ("--edge-port", "0", "--ephemeral", "--detach", "--seed", "none")
    ran = emporium("up", "--home", str(folder), *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    yield folder
    emporium("down", "--home", str(folder))


@pytest.fixture
def said(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`said(file, "--option")`: the output of the import, which must exit with `code`."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(file: Path, *options: str, code: int = 0) -> str:
        ran = CliRunner().invoke(app, ["import", str(file), "--home", str(home), *options])
        assert ran.exit_code == code, ran.output
        return ran.output

    return run


def counted(home: Path) -> tuple[int, int, int]:
    """How many users, products and orders there are."""

    async def count() -> tuple[int, int, int]:
        record = require_running(home)
        admin = next(login for login in record.logins if login.role == "admin")
        async with Emporium(record.grpc) as shop:
            await shop.auth.login(admin.email, admin.password)
            users = await shop.users.list(per_page=1).first_page()
            products = await shop.products.list(per_page=1).first_page()
            orders = await shop.orders.list(per_page=1).first_page()
        return users.meta.total, products.meta.total, orders.meta.total

    return asyncio.run(count())


def test_an_import_says_what_became_of_every_row_and_agrees_with_the_report(
    home: Path, said: Callable[..., str], tmp_path: Path
) -> None:
    refused = tmp_path / "refused.csv"
    users, products, orders = counted(home)
    shown = said(MESSY, "--refused-to", str(refused))
    table = {line.strip().rpartition(" ")[0].strip(): line.split()[-1] for line in _lines(shown)}
    assert table["taken"] == "6"
    assert table["cancellations matched"] == "4"
    assert table["refused: MALFORMED"] == "3"
    assert table["in the file"] == "21"
    assert shown.count("agrees") == 3
    assert "65.30" in shown
    assert counted(home) == (users + 4, products + 4, orders + 5)

    with refused.open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == 11
    assert listed[0]["Line"] == "6"
    assert listed[0]["Reason"] == "NOT_A_PRODUCT"
    assert listed[0]["StockCode"] == "POST"


def _lines(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line.strip()]


def test_a_second_import_changes_nothing(home: Path, said: Callable[..., str]) -> None:
    said(MESSY)
    before = counted(home)
    assert said(MESSY, "--concurrency", "1").count("agrees") == 3
    assert counted(home) == before


def test_an_import_may_go_through_the_edge(home: Path, said: Callable[..., str]) -> None:
    said(MESSY)
    before = counted(home)
    edge = require_running(home).edge_url
    assert said(MESSY, "--target", edge).count("agrees") == 3
    assert counted(home) == before


def test_what_somebody_else_made_before_is_used(
    home: Path, said: Callable[..., str], tmp_path: Path
) -> None:
    async def make() -> None:
        record = require_running(home)
        staff = next(login for login in record.logins if login.role == "staff")
        async with Emporium(record.grpc) as shop:
            await shop.auth.login(staff.email, staff.password)
            await shop.products.create("77777a", "Of our own", "9.99", currency="GBP")
            await shop.users.create("customer-777@import.example", "Known Before")

    asyncio.run(make())
    users, products, orders = counted(home)
    rows = [("970001", "77777A", "OTHERWISE NAMED", 2, "2008-01-05 10:00:00", "1.50", 777, "UK")]
    assert said(_file(tmp_path, rows)).count("agrees") == 2
    assert counted(home) == (users, products, orders + 1)


def test_an_invoice_that_has_changed_since_is_told_and_ends_with_code_1(
    said: Callable[..., str], tmp_path: Path
) -> None:
    row = ("970002", "77778", "THING", 2, "2008-02-05 10:00:00", "1.50", 778, "UK")
    said(_file(tmp_path, [row]))
    changed = (*row[:3], 3, *row[4:])
    shown = said(_file(tmp_path, [changed]), "--patience", "0.5", code=1)
    assert "✗ invoice 970002" in shown
    assert "IDEMPOTENCY_KEY_REUSED" in shown
    assert "units: 2, gross: 3.00" in shown


def test_a_file_in_yen_has_no_decimals_and_neither_has_the_report(
    said: Callable[..., str], tmp_path: Path
) -> None:
    rows = [
        ("970003", "77779", "THING", 2, "2008-03-05 10:00:00", "999999999.00", 779, "Japan"),
        ("970004", "77780", "OTHER", 1, "2008-03-05 10:00:00", "1.50", 779, "Japan"),
    ]
    shown = said(_file(tmp_path, rows), "--currency", "JPY")
    assert shown.count("agrees") == 2
    assert shown.count("1,999,999,998") == 6  # gross, net and the report's, of the day and in total
    assert "1,999,999,998." not in shown
    assert "refused: BAD_PRICE" in shown


def test_a_currency_that_is_none_is_told_of_and_nothing_is_sent(home: Path) -> None:
    command = ["import", str(MESSY), "--home", str(home), "--currency", "XTS"]
    ran = CliRunner().invoke(app, command)
    assert isinstance(ran.exception, LocalError)
    assert ran.exception.problem == "'XTS' is no currency of ISO 4217"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"InvoiceNo,StockCode\n", "line 1: no column Description, Quantity"),
        (b"InvoiceNo,\xff", "line 1, byte 11: not utf-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_of_and_nothing_is_sent(
    home: Path, tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    ran = CliRunner().invoke(app, ["import", str(file), "--home", str(home)])
    assert isinstance(ran.exception, LocalError)
    assert problem in ran.exception.problem


def test_an_import_that_takes_no_row_ends_with_code_1(
    said: Callable[..., str], tmp_path: Path
) -> None:
    row = ("970003", "77779", "THING", 2, "2031/13/45", "1.50", 779, "UK")
    shown = said(_file(tmp_path, [row]), code=1)
    assert "no row was taken" in shown
    assert "no row was taken" in said(_file(tmp_path, []), code=1)


def test_dates_of_a_spreadsheet_are_understood_and_that_is_said(
    said: Callable[..., str], tmp_path: Path
) -> None:
    row = ("970004", "77780", "THING", 2, "12/1/2007 8:26", "1.50", 780, "UK")
    shown = said(_file(tmp_path, [row]))
    assert "12/1/2007 8:26 are read as month/day/year" in shown
    assert "2007-12-01" in shown


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell lets its background jobs ignore Ctrl-C, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_import_ends_cleanly_and_goes_on_when_run_again(
    home: Path, said: Callable[..., str], tmp_path: Path
) -> None:
    rows = [
        (number + row[0][2:], *row[1:4], "2006" + row[4][4:], *row[5:])
        for number in ("98", "93", "92", "91")  # so many that the signal finds it at work
        for row in _year_of_sales()
    ]
    file = _file(tmp_path, rows)
    before = counted(home)[2]
    command = [sys.executable, "-m", "server", "import", str(file), "--home", str(home)]
    with subprocess.Popen(
        [*command, "--concurrency", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    ) as running:
        _until(lambda: counted_again(home) > before or running.poll() is not None)
        running.send_signal(signal.SIGINT)
        shown, _ = running.communicate(timeout=TIMEOUT_SECONDS)
    assert running.returncode not in (0, -signal.SIGINT), shown
    assert "Traceback" not in shown
    assert said(file).count("agrees") > 1
    assert counted(home)[2] == before + 1_600


Sale = tuple[str, str, str, int, str, str, int, str]


def _year_of_sales() -> list[Sale]:
    """Rows of 400 invoices."""
    chance = random.Random(1)
    rows: list[Sale] = []
    for invoice in range(400):
        moment = datetime(2007, 1, 1, 9) + timedelta(hours=invoice)
        for _ in range(3):
            sku = f"{chance.randint(10_000, 10_060)}"
            price = Decimal(chance.randint(1, 2_000)) / 100
            units = chance.randint(1, 12)
            customer = 6_000 + invoice % 40
            rows.append(
                (
                    f"96{invoice:04}",
                    sku,
                    f"THING {sku}",
                    units,
                    f"{moment}",
                    f"{price}",
                    customer,
                    "UK",
                )
            )
    return rows


def _file(folder: Path, rows: list[Sale]) -> Path:
    path = folder / "sales.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def counted_again(home: Path) -> int:
    return counted(home)[2]


def _until(holds: Callable[[], bool]) -> None:
    """Asks other processes again and again: they tell nobody here when something changes.

    It sleeps in between because the test that calls it waits for a process, not on a loop.
    """
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(POLL_SECONDS)
