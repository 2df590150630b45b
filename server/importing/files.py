"""Reads a CSV file of invoice lines, with its columns in any order."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from server.importing.dates import Dates, Order, understand
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
# What the columns are called in Online Retail II.
ALSO_CALLED = {"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
RECORD_LINES_MAX = 50  # of one row; a quote that is left open would take in the whole file


class FileError(Exception):
    """The file as a whole cannot be read. The message names line and column."""


@dataclass(frozen=True, slots=True)
class Books:
    """What a file says."""

    rows: Sequence[Row | Refused]  # in the file's order
    dates: Dates
    said: str = ""  # how the file was understood, for a person


def read(
    path: Path,
    now: datetime,
    encoding: str = "utf-8-sig",
    order_of_dates: Order | None = None,
    currency: str = "GBP",
) -> Books:
    """Every row of the file, taken or refused by itself; a date after `now` is refused.

    Prices are in `currency`, and have as many decimals at most.

    Raises `FileError` for a file that is missing, not text in `encoding`, or lacks a column.
    """
    # Only \n, \r\n and \r end a line: `str.splitlines` would also split at U+2028 and others. They
    # are kept, because a quoted cell may contain some.
    lines = list(io.StringIO(_text(path, encoding), newline=""))
    separator = _separator(lines[0] if lines else "")
    header, records = _records(lines, path, separator)
    at = header.index("InvoiceDate")
    cells = [record.cells[at].strip() for record in records if len(record.cells) > at]
    dates = understand(cells, order_of_dates)
    said = f"{path} is separated by {SEPARATORS[separator]}."
    return Books([_row(record, header, now, dates, currency) for record in records], dates, said)


@dataclass(frozen=True, slots=True)
class _Record:
    line: int  # its first
    cells: list[str]
    problem: str = ""  # why it could not be read


def _separator(header: str) -> str:
    return max(SEPARATORS, key=header.count)


def _records(lines: list[str], path: Path, separator: str) -> tuple[list[str], list[_Record]]:
    """The header, and every record after it.

    A record that is broken takes its own line with it and no other: reading goes on at the next
    line, whatever quote was left open.
    """
    try:
        cells, start = _parse(lines, 0, separator)
    except csv.Error as error:
        raise FileError(f"{path}, line 1: {error}") from error
    names = [name.strip() for name in cells]
    also = {name: meant for name, meant in ALSO_CALLED.items() if meant not in names}
    header = [also.get(name, name) for name in names]
    _check(header, path)
    records: list[_Record] = []
    while start < len(lines):
        line, problem = start + 1, ""
        try:
            cells, length = _parse(lines, start, separator)
            if length > 1 and len(cells) != len(header):
                problem = "a quote is left open"
        except csv.Error as error:
            problem = str(error)
        if problem:
            cells, length = [], 1
        start += length
        if cells or problem:
            records.append(_Record(line, cells, problem))
    return header, records


def _parse(lines: list[str], start: int, separator: str) -> tuple[list[str], int]:
    """The record that begins at `start`, and how many lines it has. Raises `csv.Error`."""
    some = lines[start : start + RECORD_LINES_MAX]
    reader = csv.reader(some, strict=True, delimiter=separator)
    return next(reader, []), reader.line_num


def _row(
    record: _Record, header: list[str], now: datetime, dates: Dates, currency: str
) -> Row | Refused:
    line, cells = record.line, record.cells
    if record.problem:
        return Refused(line, Reason.MALFORMED, f"the row is not CSV: {record.problem}", {})
    fields = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    if len(cells) != len(header):
        detail = f"the row has {len(cells)} fields, the header {len(header)}"
        return Refused(line, Reason.MALFORMED, detail, fields)
    return row_of(line, fields, now, dates, currency)


def _text(path: Path, encoding: str) -> str:
    try:
        content = path.read_bytes()
        is_utf_16 = content.startswith(_MARKS_OF_UTF_16)
        return content.decode("utf-16" if is_utf_16 else encoding)
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
