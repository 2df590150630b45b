"""XLSX files to test with, as spreadsheets write them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def xlsx(path: Path, rows: Sequence[Sequence[str | float]], *, is_shared: bool = True) -> Path:
    """A workbook whose first sheet has `rows`; empty cells are left out, as empty rows are."""
    strings: list[str] = []
    lines = []
    for line, row in enumerate(rows, 1):
        cells = [
            _cell(f"{chr(65 + at)}{line}", value, strings, is_shared=is_shared)
            for at, value in enumerate(row)
            if value != ""
        ]
        if cells:
            lines.append(f'<row r="{line}">{"".join(cells)}</row>')
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
            '<sheet name="Products" sheetId="1" r:id="rId7"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId7" Type="worksheet" Target="worksheets/first.xml"/>'
            "</Relationships>",
        )
        book.writestr(
            "xl/worksheets/first.xml",
            f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
        )
        if strings:
            items = "".join(f"<si><t>{escape(each)}</t></si>" for each in strings)
            book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{items}</sst>')
    return path


def _cell(reference: str, value: str | float, strings: list[str], *, is_shared: bool) -> str:
    if isinstance(value, float):
        return f'<c r="{reference}"><v>{value!r}</v></c>'
    if is_shared:
        strings.append(value)
        return f'<c r="{reference}" t="s"><v>{len(strings) - 1}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
