"""Reads a table from a CSV file, or the first sheet of an XLSX file, a row at a time.

A CSV file may be in UTF-8 or UTF-16 with a mark, or in a named encoding; its cells may be separated
by commas, semicolons or tabs, which its first line tells.
"""

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from server.importing.files import FileError

_SEPARATORS = ",;\t"
_ZIP = b"PK\x03\x04"
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# A sheet unpacked: what is larger is packed to be a burden.
_BYTES_MAX = 2_000_000_000
_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_COLUMN = re.compile(r"[A-Z]{1,3}")


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row that has something in it: its cells by the names of their columns, trimmed."""

    line: int  # in the file, from 1
    cells: Mapping[str, str]
    problem: str = ""  # why it could not be read


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `said` tells a person how the file was understood."""

    columns: tuple[str, ...]
    rows: Iterator[TableRow]
    said: str


def read_table(path: Path, encoding: str = "") -> Table:
    """The table in `path`. Raises `FileError`, also while its rows are read."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    if beginning == _ZIP:
        return _table(path, _xlsx(path), "an XLSX file, its first sheet")
    return _read_csv(path, encoding or _encoding(beginning))


def _encoding(beginning: bytes) -> str:
    return next((name for mark, name in _MARKS if beginning.startswith(mark)), "utf-8-sig")


def _read_csv(path: Path, encoding: str) -> Table:
    try:
        with path.open(encoding=encoding, newline="") as file:
            first = file.readline()
    except LookupError as error:
        raise FileError(f"'{encoding}' is no encoding") from error
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    separator = max(_SEPARATORS, key=first.count)
    name = {",": "commas", ";": "semicolons", "\t": "tabs"}[separator]
    said = f"CSV in {encoding.removesuffix('-sig')}, separated by {name}"
    return _table(path, _csv(path, encoding, separator), said)


def _csv(path: Path, encoding: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=separator)
            line = 1
            for cells in reader:
                yield line, cells
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    except csv.Error as error:
        raise FileError(f"{path}, line {reader.line_num}: {error}") from error


def _not_text(path: Path, error: UnicodeDecodeError) -> FileError:
    return FileError(
        f"{path}: not {error.encoding} text; name the right one with --encoding, such as latin-1"
    )


def _table(path: Path, rows: Iterator[tuple[int, list[str]]], said: str) -> Table:
    _, header = next(rows, (1, []))
    columns = tuple(name.strip().lower().replace(" ", "_") for name in header)
    while columns and not columns[-1]:
        columns = columns[:-1]
    if not columns:
        raise FileError(f"{path}, line 1: no columns")
    for name in columns:
        if not name:
            raise FileError(f"{path}, line 1: a column has no name")
        if columns.count(name) > 1:
            raise FileError(f"{path}, line 1: column {name} comes twice")
    return Table(columns, _rows(columns, rows), said)


def _rows(columns: tuple[str, ...], rows: Iterable[tuple[int, list[str]]]) -> Iterator[TableRow]:
    for line, cells in rows:
        trimmed = [cell.strip() for cell in cells]
        if not any(trimmed):
            continue
        problem = ""
        if any(trimmed[len(columns) :]):
            problem = f"the row has {len(trimmed)} cells, the header {len(columns)}"
        yield TableRow(line, dict(zip(columns, trimmed, strict=False)), problem)


def _xlsx(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with zipfile.ZipFile(path) as book:
            names = set(book.namelist())
            sheet = _first_sheet(book, names)
            strings = [*_strings(book)] if "xl/sharedStrings.xml" in names else []
            with _opened(book, sheet) as file:
                yield from _sheet_rows(file, strings)
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, IndexError, ValueError) as error:
        raise FileError(f"{path}: no XLSX file that can be read: {error}") from error
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error


def _first_sheet(book: zipfile.ZipFile, names: set[str]) -> str:
    """The part that the workbook names first, which need not be called `sheet1`."""
    relations = "xl/_rels/workbook.xml.rels"
    with _opened(book, "xl/workbook.xml") as file:
        sheets = ElementTree.parse(file).getroot().iter(f"{_NAMESPACE}sheet")  # noqa: S314 - sizes are bounded, and expat expands no entities without end
        first = next(sheets)
    ids = [value for name, value in first.attrib.items() if name.endswith("}id")]
    if relations in names and ids:
        with _opened(book, relations) as file:
            for each in ElementTree.parse(file).getroot():  # noqa: S314 - as above
                if each.get("Id") == ids[0]:
                    target = str(each.get("Target"))
                    return target[1:] if target.startswith("/") else f"xl/{target}"
    return "xl/worksheets/sheet1.xml"


def _strings(book: zipfile.ZipFile) -> Iterator[str]:
    with _opened(book, "xl/sharedStrings.xml") as file:
        for _, element in ElementTree.iterparse(file):  # noqa: S314 - as above
            if element.tag == f"{_NAMESPACE}si":
                yield "".join(text.text or "" for text in element.iter(f"{_NAMESPACE}t"))
                element.clear()


def _sheet_rows(file: IO[bytes], strings: list[str]) -> Iterator[tuple[int, list[str]]]:
    line = 0
    for _, element in ElementTree.iterparse(file):  # noqa: S314 - as above
        if element.tag != f"{_NAMESPACE}row":
            continue
        line = int(element.get("r") or line + 1)
        cells: list[str] = []
        for cell in element.iter(f"{_NAMESPACE}c"):
            at = _at(cell.get("r") or "") if cell.get("r") else len(cells)
            cells += [""] * (at + 1 - len(cells))
            cells[at] = _value(cell, strings)
        yield line, cells
        element.clear()


def _at(reference: str) -> int:
    """The column of `C5`, from 0; cells that are empty are left out of a sheet."""
    found = _COLUMN.match(reference)
    if found is None:
        raise ValueError(f"{reference} is no cell")
    at = 0
    for letter in found[0]:
        at = at * 26 + ord(letter) - ord("A") + 1
    return at - 1


def _value(cell: ElementTree.Element, strings: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{_NAMESPACE}t"))
    found = cell.find(f"{_NAMESPACE}v")
    text = (found.text or "") if found is not None else ""
    if not text:
        return ""
    if kind == "s":
        return strings[int(text)]
    # 2.55 stands as 2.5499999999999998 there.
    return f"{float(text):.12g}" if kind == "n" and "." in text else text


def _opened(book: zipfile.ZipFile, name: str) -> IO[bytes]:
    if book.getinfo(name).file_size > _BYTES_MAX:
        raise ValueError(f"{name} is larger than {_BYTES_MAX} bytes")
    return book.open(name)
