"""Reading files, good and bad."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from server.importing.dates import Order
from server.importing.files import COLUMNS, FileError, read
from server.importing.rows import Reason, Refused, Row
from tests.server.importing.books import MESSY, NOW

HEADER = ",".join(COLUMNS)
ROW = "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom"


def test_every_row_of_the_file_is_taken_or_refused() -> None:
    rows = read(MESSY, NOW).rows
    assert len(rows) == len(MESSY.read_text(encoding="utf-8").splitlines()) - 1
    assert [row.line for row in rows] == list(range(2, len(rows) + 2))


def test_a_row_with_another_number_of_fields_is_refused_as_a_whole() -> None:
    short = [row for row in read(MESSY, NOW).rows if isinstance(row, Refused) and row.line == 14]
    assert [(row.reason, row.detail) for row in short] == [
        (Reason.MALFORMED, "the row has 7 fields, the header 8")
    ]


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    file = tmp_path / "swapped.csv"
    names, cells = HEADER.split(","), ROW.split(",")
    file.write_text(
        f"Note, {', '.join(reversed(names))}\nhello,{','.join(reversed(cells))}\n", "utf-8"
    )
    (row,) = read(file, NOW).rows
    assert isinstance(row, Row)
    assert (row.invoice, row.customer) == ("536365", "17850")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_layout_of_online_retail_ii_is_taken_as_it_comes(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    file = tmp_path / "second.csv"
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    text = f"{header}\n{ROW}\n".replace(",", separator)
    file.write_bytes(text.encode(encoding))
    books = read(file, NOW)
    (row,) = books.rows
    assert isinstance(row, Row)
    assert (row.invoice, row.customer, str(row.unit_price)) == ("536365", "17850", "2.55")
    assert books.said.endswith({",": "commas.", ";": "semicolons.", "\t": "tabs."}[separator])


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_blank_lines_and_line_endings_do_not_matter(
    tmp_path: Path, bom: bytes, ending: str
) -> None:
    file = tmp_path / "marked.csv"
    file.write_bytes(bom + ending.join([HEADER, "", ROW, ""]).encode())
    (row,) = read(file, NOW).rows
    assert isinstance(row, Row)


def test_a_file_in_another_encoding_is_read_when_told(tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes(f"{HEADER}\n{ROW}\n{ROW.replace('HEART', 'CAFÉ')}\n".encode("latin-1"))
    with pytest.raises(FileError, match=r"latin\.csv, line 3, byte 18: not utf-8 text"):
        read(file, NOW)
    rows = read(file, NOW, "latin-1").rows
    assert isinstance(rows[1], Row)
    assert rows[1].description == "CAFÉ"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: no columns; expected InvoiceNo, StockCode"),
        (HEADER.replace("CustomerID,", "").replace("Quantity", "Qty"), "no column Quantity, Cus"),
        (f"{HEADER},Quantity", "line 1: column Quantity comes twice"),
        (f'{HEADER[:-7]}"Cou"ntry', "line 1: ',' expected after '\"'"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_line_and_column(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "broken.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(FileError) as raised:
        read(file, NOW)
    assert said in str(raised.value)


def test_a_file_that_is_not_there_and_an_encoding_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read(tmp_path / "nowhere.csv", NOW)
    with pytest.raises(FileError, match="'utf-9' is no encoding"):
        read(MESSY, NOW, "utf-9")


def lines_and_reasons(rows: Sequence[Row | Refused]) -> list[tuple[int, Reason | None]]:
    return [(row.line, row.reason if isinstance(row, Refused) else None) for row in rows]


@pytest.mark.parametrize("broken", ['536365,"open', '"a"b,c', 'a,"b" ,c', "NUL,\0"])
@pytest.mark.parametrize("after", [2, 200])
def test_a_row_that_is_broken_is_refused_and_no_other(
    tmp_path: Path, broken: str, after: int
) -> None:
    file = tmp_path / "broken.csv"
    quoted = ROW.replace("HEART", '"HEART, ""RED"""')
    file.write_text("\n".join([HEADER, ROW, broken, *[quoted] * after]), "utf-8")
    rows = read(file, NOW).rows
    expected = [(2, None), (3, Reason.MALFORMED), *((n, None) for n in range(4, 4 + after))]
    assert lines_and_reasons(rows) == expected


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_only_line_breaks_end_a_row(tmp_path: Path, odd: str) -> None:
    file = tmp_path / "odd.csv"
    file.write_text("\n".join([HEADER, ROW.replace("HEART", f"HE{odd}ART"), ROW]), "utf-8")
    assert lines_and_reasons(read(file, NOW).rows) == [(2, None), (3, None)]


def test_a_quoted_cell_may_hold_a_line_break(tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    file.write_text("\n".join([HEADER, ROW.replace("HEART", '"HE\nART"'), ROW]), "utf-8")
    assert lines_and_reasons(read(file, NOW).rows) == [(2, None), (4, None)]


def test_a_file_of_open_quotes_is_read_in_one_go(tmp_path: Path) -> None:
    file = tmp_path / "open.csv"
    file.write_text("\n".join([HEADER, *['"open'] * 5_000]), "utf-8")
    rows = read(file, NOW).rows
    assert [row.line for row in rows] == list(range(2, 5_002))
    assert {type(row) for row in rows} == {Refused}


@pytest.mark.parametrize(
    ("dates", "wanted", "day", "said"),
    [
        (["12/1/2010 8:26", "12/13/2010 9:00"], None, date(2010, 12, 1), "12/13/2010 9:00 can be"),
        (["12/1/2010 8:26", "13/1/2010 9:00"], None, date(2010, 1, 12), "day/month/year"),
        (["12/1/2010 8:26"], None, date(2010, 12, 1), "nothing in the file tells"),
        (["12/1/10 8:26"], "day-first", date(2010, 1, 12), "so it was asked for"),
        (["12/1/2010 8:26:00 AM", "2010-12-01"], None, date(2010, 12, 1), "month/day/year"),
        (["2010-12-01 08:26:00"], None, date(2010, 12, 1), ""),
    ],
)
def test_dates_are_read_as_the_file_tells_and_that_is_said(
    tmp_path: Path, dates: list[str], wanted: Order | None, day: date, said: str
) -> None:
    file = tmp_path / "dates.csv"
    rows = [ROW.replace("2010-12-01 08:26:00", each) for each in dates]
    file.write_text("\n".join([HEADER, *rows]), "utf-8")
    books = read(file, NOW, order_of_dates=wanted)
    first = books.rows[0]
    assert isinstance(first, Row)
    assert first.placed_at.date() == day
    assert said in books.dates.said
    assert bool(said) == bool(books.dates.said)


def test_dates_of_both_orders_are_told_of_and_those_that_cannot_be_refused(tmp_path: Path) -> None:
    file = tmp_path / "both.csv"
    dates = ("1/13/2010 8:00", "13/1/2010 8:00")
    rows = [ROW.replace("2010-12-01 08:26:00", each) for each in dates]
    file.write_text("\n".join([HEADER, *rows]), "utf-8")
    books = read(file, NOW)
    assert lines_and_reasons(books.rows) == [(2, None), (3, Reason.MALFORMED)]
    assert "cannot both be" in books.dates.said
