"""Reading files, good and bad."""

from pathlib import Path

import pytest

from server.importing.files import COLUMNS, FileError, read
from server.importing.rows import Reason, Refused, Row
from tests.server.importing.books import MESSY, NOW

HEADER = ",".join(COLUMNS)
ROW = "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom"


def test_every_row_of_the_file_is_taken_or_refused() -> None:
    rows = read(MESSY, NOW)
    assert len(rows) == len(MESSY.read_text(encoding="utf-8").splitlines()) - 1
    assert [row.line for row in rows] == list(range(2, len(rows) + 2))


def test_a_row_with_another_number_of_fields_is_refused_as_a_whole() -> None:
    short = [row for row in read(MESSY, NOW) if isinstance(row, Refused) and row.line == 14]
    assert [(row.reason, row.detail) for row in short] == [
        (Reason.MALFORMED, "the row has 7 fields, the header 8")
    ]


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    file = tmp_path / "swapped.csv"
    names, cells = HEADER.split(","), ROW.split(",")
    file.write_text(
        f"Note, {', '.join(reversed(names))}\nhello,{','.join(reversed(cells))}\n", "utf-8"
    )
    (row,) = read(file, NOW)
    assert isinstance(row, Row)
    assert (row.invoice, row.customer) == ("536365", "17850")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_blank_lines_and_line_endings_do_not_matter(
    tmp_path: Path, bom: bytes, ending: str
) -> None:
    file = tmp_path / "marked.csv"
    file.write_bytes(bom + ending.join([HEADER, "", ROW, ""]).encode())
    (row,) = read(file, NOW)
    assert isinstance(row, Row)


def test_a_file_in_another_encoding_is_read_when_told(tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes(f"{HEADER}\n{ROW}\n{ROW.replace('HEART', 'CAFÉ')}\n".encode("latin-1"))
    with pytest.raises(FileError, match=r"latin\.csv, line 3, byte 18: not utf-8 text"):
        read(file, NOW)
    rows = read(file, NOW, "latin-1")
    assert isinstance(rows[1], Row)
    assert rows[1].description == "CAFÉ"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: no columns; expected InvoiceNo, StockCode"),
        (HEADER.replace("CustomerID,", "").replace("Quantity", "Qty"), "no column Quantity, Cus"),
        (f"{HEADER},Quantity", "line 1: column Quantity comes twice"),
        (f'{HEADER}\n{ROW}\n53,"open', "line 3: unexpected end of data"),
        (f'{HEADER}\n"a"b,c', "line 2: ',' expected after '\"'"),
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
