"""Reads one workbook of old Excel (.xls) or OpenDocument (.ods); runs as a process of its own.

`python other_workbook_child.py < in > out` writes a line of JSON for each sheet, `{"sheet": NAME}`,
and below it one for each row. Days are `{"day": "2027-02-20"}`. It imports nothing of ours, since
it reads what strangers send: it sets its own limits first and opens no file by name.
"""

import io
import json
import resource
import sys
from datetime import date
from typing import Any

import python_calamine

MEMORY = 1_024 * 2**20
CPU_SECONDS = 60
#: Bytes written: 65,536 rows, which is all that an .xls holds, come to about 20 MB.
MOST = 256 * 2**20
MOST_SHEETS = 20


def limit() -> None:
    """Bound what a hostile file can take of the machine."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MOST),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def plain(value: Any) -> Any:
    """A value that JSON doesn't know: days, and lengths of time as text."""
    return {"day": value.isoformat()} if isinstance(value, date) else str(value)


def main() -> int:
    limit()
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    shown = [
        one.name
        for one in book.sheets_metadata
        if one.typ == python_calamine.SheetTypeEnum.WorkSheet
        and one.visible == python_calamine.SheetVisibleEnum.Visible
    ]
    for name in (shown or book.sheet_names)[:MOST_SHEETS]:
        sys.stdout.write(json.dumps({"sheet": name}) + "\n")
        for row in book.get_sheet_by_name(name).iter_rows():
            sys.stdout.write(json.dumps(row, default=plain) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
