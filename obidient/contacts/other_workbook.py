"""Workbooks of old Excel (.xls) and of OpenDocument (.ods), read by a child process with limits.

python-calamine holds a whole sheet in memory, and both forms can claim far more cells than they
have; so a process of its own reads them (see `other_workbook_child`), and ends with them.
"""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from obidient.contacts.csvfile import Row
from obidient.contacts.formulas import Formula
from obidient.contacts.workbook import PROTECTED, parted, row_of
from obidient.errors import Invalid

_CHILD = Path(__file__).with_name("other_workbook_child.py")
KINDS = {"xls": "old Excel workbook", "ods": "OpenDocument workbook"}
#: Seconds until it is given up.
PATIENCE = 120

logger = logging.getLogger(__name__)


class OtherWorkbook:
    """One sheet of such a workbook, as in `Workbook`. Raises Invalid."""

    encoding = delimiter = ""
    doubt: tuple[str, ...] = ()

    def __init__(self, path: Path, kind: str) -> None:
        self.kind, self.size = kind, path.stat().st_size
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115 - until close()
        try:
            _convert(path, KINDS[kind], self._rows)
            self._written = self._rows.seek(0, 2)
            #: Name of a sheet -> where its rows begin.
            self._begins, hidden = self._find_sheets()
            self.sheets, self.hidden = parted(list(self._begins), hidden)
            self.sheet = self.sheets[0]
        except BaseException:
            self._rows.close()
            raise
        self._done = 0

    def _find_sheets(self) -> tuple[dict[str, int], list[str]]:
        """Where the rows of each sheet begin, and which of them are hidden."""
        found, hidden, place = {}, [], 0
        self._rows.seek(0)
        for line in self._rows:
            place += len(line)
            if line.startswith(b"{"):
                told = json.loads(line)
                found[told["sheet"]] = place
                if told["hidden"]:
                    hidden.append(told["sheet"])
        return found, hidden

    @property
    def position(self) -> int:
        return self.size * self._done // max(self._written, 1)

    def choose(self, sheet: str) -> None:
        self.sheet = sheet

    def close(self) -> None:
        self._rows.close()

    def __iter__(self) -> Iterator[Row]:
        self._done = self._begins[self.sheet]
        self._rows.seek(self._done)
        for number, line in enumerate(self._rows, 1):
            if line.startswith(b"{"):
                return
            self._done += len(line)
            values = enumerate(json.loads(line), 1)
            row = row_of(number, {at: _value(one) for at, one in values if one != ""})
            if row.cells:
                yield row


def _value(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    if "formula" in given:
        return Formula(given["formula"])
    day = given["day"]
    return datetime.fromisoformat(day) if "T" in day else date.fromisoformat(day)


def _convert(path: Path, what: str, target: IO[bytes]) -> None:
    """Have the child write the sheets to a file."""
    command = [sys.executable, "-I", str(_CHILD)]
    try:
        with path.open("rb") as source:
            done = subprocess.run(
                command,
                stdin=source,
                stdout=target,
                stderr=subprocess.PIPE,
                env={},
                timeout=PATIENCE,
            )
    except subprocess.TimeoutExpired:
        raise Invalid("Reading this workbook takes too long. Save it as .xlsx.") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
        logger.info("a workbook could not be read (%s): %s", done.returncode, told)
        if "password" in told.lower():
            raise Invalid(PROTECTED)
        raise Invalid(
            f"This {what} can't be read: it is damaged, too large, or no list at all. Save the "
            "list as .xlsx and try again."
        )
