"""Workbooks as programs write them, as far as a test needs them."""

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - days of a sheet have no zone
STYLES = {date: 1, datetime: 2, time: 3, timedelta: 4}
_STYLES = "".join(f'<xf numFmtId="{form}" applyNumberFormat="1"/>' for form in (0, 14, 22, 20, 46, 9))
_NAMESPACES = (
    'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_RELATIONS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


class Raw(str):
    """A cell's XML, after its address."""

    __slots__ = ()


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    hidden: Sequence[str] = (),
    merged: str = "",
    is_recalculated: bool = False,
    hidden_rows: Collection[int] = (),
    hidden_columns: str = "",
) -> bytes:
    """A workbook as Excel writes it: None is an empty cell, `Raw` the XML of one.

    Of each sheet, `merged` is a range, `hidden_rows` are numbers from 1 on, and `hidden_columns` is XML.
    """
    states = {name: ' state="hidden"' if name in hidden else "" for name in sheets}
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{place}"{states[name]} r:id="rId{place}"/>'
        for place, name in enumerate(sheets, 1)
    )
    calculated = '<calcPr fullCalcOnLoad="1"/>' if is_recalculated else ""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "".join(
        f'<Relationship Id="rId{place}" Type="{kind}/worksheet" Target="worksheets/sheet{place}.xml"/>'
        for place in range(1, len(sheets) + 1)
    )
    relations += f'<Relationship Id="rId0" Type="{kind}/styles" Target="styles.xml"/>'
    whole = f'<Relationship Id="rId1" Type="{kind}/officeDocument" Target="xl/workbook.xml"/>'
    members = {
        "_rels/.rels": f"<Relationships {_RELATIONS}>{whole}</Relationships>",
        "xl/workbook.xml": f"<workbook {_NAMESPACES}><sheets>{listed}</sheets>{calculated}</workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships {_RELATIONS}>{relations}</Relationships>",
        "xl/styles.xml": f"<styleSheet {_NAMESPACES}><cellXfs>{_STYLES}</cellXfs></styleSheet>",
    }
    for place, rows in enumerate(sheets.values(), 1):
        members[f"xl/worksheets/sheet{place}.xml"] = _sheet(rows, merged, hidden_rows, hidden_columns)
    return zipped(members)


def zipped(members: Mapping[str, str]) -> bytes:
    """A zip archive of texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def _sheet(rows: Sequence[Sequence[Any]], merged: str, hidden_rows: Collection[int], hidden_columns: str) -> str:
    lines = ""
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(f"{chr(65 + place)}{number}", cell) for place, cell in enumerate(row))
        hidden = ' hidden="1"' if number in hidden_rows else ""
        lines += f'<row r="{number}"{hidden} spans="1:6">{cells}</row>'
    ranges = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    columns = f"<cols>{hidden_columns}</cols>" if hidden_columns else ""
    return f"<worksheet {_NAMESPACES}>{columns}<sheetData>{lines}</sheetData>{ranges}</worksheet>"


def _cell(place: str, cell: Any) -> str:
    match cell:
        case None:
            return ""
        case Raw():
            return f'<c r="{place}"{cell}</c>'
        case bool():
            return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
        case str():
            return f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        case date() | time() | timedelta():
            return f'<c r="{place}" s="{STYLES[type(cell)]}"><v>{_days(cell)!r}</v></c>'
    return f'<c r="{place}"><v>{float(cell)!r}</v></c>'


def _days(cell: date | time | timedelta) -> float:
    """A moment as a sheet holds it: in days."""
    match cell:
        case timedelta():
            return cell / timedelta(days=1)
        case time():
            return (cell.hour * 60 + cell.minute) / 1440
        case datetime():
            return (cell - EPOCH) / timedelta(days=1)
    return float((datetime.combine(cell, time()) - EPOCH).days)


def ods(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook as LibreOffice writes it, of one sheet."""
    lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="Sheet1">{lines}<table:table-row table:number-rows-repeated="1048000">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return zipped({"mimetype": kind, "META-INF/manifest.xml": "<manifest/>", "content.xml": content})


def _ods_cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    said = {
        bool: f'boolean" office:boolean-value="{str(cell).lower()}',
        str: "string",
        date: f'date" office:date-value="{cell}',
    }.get(type(cell), f'float" office:value="{cell}')
    return f'<table:table-cell office:value-type="{said}"><text:p>{escape(str(cell))}</text:p></table:table-cell>'
