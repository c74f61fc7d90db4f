"""The cells of a worksheet of Excel, as openpyxl streams them, with what it passes over."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from obidient.contacts.formulas import Formula


@cache
def _parser() -> Any:
    """openpyxl's reader of a sheet, giving a formula in place of the result that the file does not
    hold: openpyxl and pandas write formulas without results, XlsxWriter with noughts."""
    # Late, as openpyxl itself is in `workbook`.
    from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

    class Parser(WorkSheetParser):
        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = super().parse_cell(element)
            # An empty text is a result: =IF(A2="","",A2).
            if not cell["value"] and element.get("t") != "str":
                formula = element.find(FORMULA_TAG)
                if formula is not None and cell["value"] is not False:
                    result = "" if cell["value"] is None else "0"
                    cell["value"] = Formula("=" + (formula.text or ""), result)
            return cell

    return Parser


def rows_of(sheet: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """(line, cells) of the rows that a sheet of a book opened for reading holds."""
    book = sheet.parent
    with sheet._get_source() as source:
        parser = _parser()(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        yield from parser.parse()
