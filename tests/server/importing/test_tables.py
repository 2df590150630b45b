"""Tables from files as shops have them: encodings, separators, marks, XLSX exports."""

import zipfile
from pathlib import Path

import pytest

from server.importing.files import FileError
from server.importing.tables import TableRow, read_table
from tests.server.importing.sheets import xlsx

ROWS = [["SKU", "Name", "Unit Price"], ["A-1", "Crème brûlée", "2.55"], ["A-2", "Mug, blue", ""]]
CELLS = [
    {"sku": "A-1", "name": "Crème brûlée", "unit_price": "2.55"},
    {"sku": "A-2", "name": "Mug, blue", "unit_price": ""},
]


def as_csv(separator: str, end: str = "\r\n") -> str:
    return "".join(separator.join(f'"{cell}"' for cell in row) + end for row in ROWS)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_file_is_understood_as_it_comes(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(as_csv(separator, end).encode(encoding))
    table = read_table(file)
    assert table.columns == ("sku", "name", "unit_price")
    rows = [*table.rows]
    assert [row.cells for row in rows] == CELLS
    assert [row.line for row in rows] == [2, 3]
    assert {",": "commas", ";": "semicolons", "\t": "tabs"}[separator] in table.said


def test_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(as_csv(",").encode("latin-1"))
    with pytest.raises(FileError, match="not utf-8 text; name the right one with --encoding"):
        [*read_table(file).rows]
    assert [row.cells for row in read_table(file, "latin-1").rows] == CELLS
    with pytest.raises(FileError, match="'klingon' is no encoding"):
        read_table(file, "klingon")


@pytest.mark.parametrize("is_shared", [True, False])
def test_an_xlsx_file_is_a_table_too(tmp_path: Path, *, is_shared: bool) -> None:
    file = xlsx(tmp_path / "products.xlsx", [*ROWS, ["", "", ""], ["A-3"]], is_shared=is_shared)
    table = read_table(file)
    assert table.columns == ("sku", "name", "unit_price")
    rows = [*table.rows]
    assert [dict(row.cells) for row in rows] == [
        CELLS[0],
        {"sku": "A-2", "name": "Mug, blue"},
        {"sku": "A-3"},
    ]
    assert [row.line for row in rows] == [2, 3, 5]


def test_numbers_of_a_sheet_are_what_was_typed(tmp_path: Path) -> None:
    file = xlsx(tmp_path / "n.xlsx", [["sku", "unit_price"], [85123.0, 2.5499999999999998]])
    [row] = read_table(file).rows
    assert row.cells == {"sku": "85123", "unit_price": "2.55"}


def test_a_row_that_is_too_long_says_so(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("sku,name\nA-1,Mug,12\n\n,,\nA-2,Cup,\n")
    rows = [*read_table(file).rows]
    assert rows[0].problem == "the row has 3 cells, the header 2"
    assert rows[1] == TableRow(5, {"sku": "A-2", "name": "Cup"})


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no columns"), ("sku,,name\n", "has no name"), ("sku,SKU\n", "comes twice")],
)
def test_a_file_without_a_header_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.csv"
    file.write_text(text)
    with pytest.raises(FileError, match=said):
        read_table(file)


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_a_file_that_only_looks_like_xlsx_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "p.xlsx"
    with zipfile.ZipFile(file, "w") as book:
        book.writestr(name, "<no")
    with pytest.raises(FileError, match="no XLSX file that can be read"):
        read_table(file)
    with pytest.raises(FileError, match="No such file"):
        read_table(tmp_path / "none.csv")
