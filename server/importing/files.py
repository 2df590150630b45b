"""Reads a CSV file of invoice lines, with its columns in any order."""

import csv
from datetime import datetime
from pathlib import Path

from server.importing.rows import Reason, Refused, Row, row_of

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)


class FileError(Exception):
    """The file as a whole cannot be read. The message names line and column."""


def read(path: Path, now: datetime, encoding: str = "utf-8-sig") -> list[Row | Refused]:
    """Every row of the file, in its order; a date after `now` is refused.

    Raises `FileError` for a file that is missing, not text in `encoding`, not CSV, or lacks a
    column.
    """
    text = _text(path, encoding)
    # Line breaks are kept, because a quoted cell may contain some.
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check(header, path)
        return [_row(reader.line_num, header, cells, now) for cells in reader if cells]
    except csv.Error as error:
        raise FileError(f"{path}, line {reader.line_num}: {error}") from error


def _row(line: int, header: list[str], cells: list[str], now: datetime) -> Row | Refused:
    fields = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    if len(cells) != len(header):
        detail = f"the row has {len(cells)} fields, the header {len(header)}"
        return Refused(line, Reason.MALFORMED, detail, fields)
    return row_of(line, fields, now)


def _text(path: Path, encoding: str) -> str:
    try:
        content = path.read_bytes()
        return content.decode(encoding)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    except LookupError as error:
        raise FileError(f"'{encoding}' is no encoding") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise FileError(
            f"{path}, line {line}, byte {column}: not {error.encoding} text; "
            "name the right one with --encoding, such as latin-1"
        ) from error


def _check(header: list[str], path: Path) -> None:
    if not header:
        raise FileError(f"{path}, line 1: no columns; expected {', '.join(COLUMNS)}")
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise FileError(f"{path}, line 1: no column {', '.join(missing)}")
    twice = [column for column in COLUMNS if header.count(column) > 1]
    if twice:
        raise FileError(f"{path}, line 1: column {twice[0]} comes twice")
