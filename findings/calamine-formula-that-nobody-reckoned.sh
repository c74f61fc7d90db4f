#!/usr/bin/env bash
# Workbooks of openpyxl 3.1.5 and XlsxWriter 3.2.9, read by python-calamine 0.9.1
#
# An .xlsx keeps a formula and, beside it, the result that a spreadsheet program reckoned last.
# Libraries reckon nothing. openpyxl leaves the result out, and calamine reads the cell as an empty
# one, without a sign. XlsxWriter writes a result all the same: the number 0, whatever the formula
# would give, and calamine reads 0.0. With a column made as ="0" & "8035550001" a list of people has
# names and no numbers, or the number 0 for everybody, until Excel or LibreOffice has saved it once.
#
# Expected from: an error, or a cell that can be told from an empty one and from a reckoned one.
# Who meets it: whoever imports lists that a web form, a script or a phone's app has written.
# What we do: obidient/contacts/formulas.py reads a formula that holds a constant alone; an import names
# the column and the number of all others, and says what to do.
# Tried on 2026-11-29 with Python 3.11.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: a package is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$folder/packages" 'python-calamine==0.9.1' 'openpyxl==3.1.5' 'XlsxWriter==3.2.9' >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 2; }
cd "$folder"
PYTHONPATH="$folder/packages" python3 - <<'PY'
import sys

import openpyxl
import xlsxwriter
from python_calamine import CalamineWorkbook

ROWS = [["Name", "Phone", "Nothing"], ["Ada", '="0" & "8035550001"', None]]
book = openpyxl.Workbook()
for row in ROWS:
    book.active.append(row)
book.save("openpyxl.xlsx")
with xlsxwriter.Workbook("XlsxWriter.xlsx") as other:
    sheet = other.add_worksheet()
    for number, row in enumerate(ROWS):
        sheet.write_row(number, 0, row)
found = {}
for name in ("openpyxl", "XlsxWriter"):
    read = CalamineWorkbook.from_path(f"{name}.xlsx").get_sheet_by_index(0).to_python()
    found[name] = read[1]
    print(f"{name:10} {read[1]}")
sys.exit(0 if [row[1] for row in found.values()] == ["", 0.0] else 1)
PY
