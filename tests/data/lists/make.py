"""Makes the files beside it; run by hand: python tests/data/lists/make.py

Those of libreoffice/ need `soffice` of LibreOffice Calc (made with 7.4.7).

All names and numbers are invented (0803 555 0000 to 0999 is used for inventions only).
"""

import shutil
import subprocess
import tempfile
from datetime import date, datetime
from pathlib import Path

import openpyxl

HERE = Path(__file__).parent


def people() -> None:
    """Numbers as numbers, as text and shown narrow as 2.348E+12; days; a sheet of notes first."""
    book = openpyxl.Workbook()
    notes = book.active
    notes.title = "Read me"
    notes.append(["Collected at the town hall"])
    sheet = book.create_sheet("People")
    sheet.append(["LAGOS STATE SUPPORTERS"])
    sheet.append([])
    sheet.append(["S/N", "Full name", "Phone\nNumber", "LGA", "Date of birth", "Children", "Card"])
    sheet.append([1, "Hon. Ada Obi", 8035550101, "Ikeja", date(1990, 3, 1), 0, True])
    sheet.append([2, "Obi, Bola", "08035550102", "Ikeja", datetime(1991, 4, 2, 8, 30), 2, False])
    sheet.append([3, "Chidi Eze", 2348035550103, "Ikeja", None, None, None])
    sheet.append([4, "Dada Ojo", "+234 803 555 0104 / 0803 555 0105", "Ikeja", None, 1, None])
    sheet["C6"].number_format = "0.00E+00"
    book.create_sheet("Empty")
    book.save(HERE / "people.xlsx")


#: File -> LibreOffice's filter; a CSV's are separator, quote, number of its encoding, first line.
LIBREOFFICE = {
    "saved.xlsx": "xlsx:Calc MS Excel 2007 XML",
    "saved.xls": "xls:MS Excel 97",
    "utf-8.csv": "csv:Text - txt - csv (StarCalc):44,34,76,1",
    "macintosh.csv": "csv:Text - txt - csv (StarCalc):44,34,2,1",
    "dos-437.csv": "csv:Text - txt - csv (StarCalc):59,34,3,1",
    "dos-850.csv": "csv:Text - txt - csv (StarCalc):59,34,4,1",
    "unicode-text.txt": "csv:Text - txt - csv (StarCalc):9,34,65535,1",
    "table.html": "html:HTML (StarCalc)",
    "saved.ods": "ods",
    "saved.slk": "slk",
    "saved.dif": "dif",
}


def libreoffice() -> None:
    """One small list, saved by LibreOffice in each of its ways, and one of several sheets."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["LAGOS STATE SUPPORTERS"],
        ["S/N", "Name", "GSM No", "LGA", "Joined", "Meeting place"],
        [1, "Hon. Ada Obi", 8035550001, "Ikeja", date(2026, 11, 2), "Town hall, Opebi"],
        [2, "René Adébáyo", "0803 555 0002", "Epe", date(2026, 11, 3), 'Café "Chez Ada"'],
        [3, "Eze, Ike", 2348035550003, "Badagry", None, "N/A"],
        [4, "Ngozi Núñez", "08035550004/08035550014", "Eti-Osa", date(2026, 11, 4), ""],
    ):
        sheet.append(row)
    for name, way in LIBREOFFICE.items():
        save_with_libreoffice(book, name, way)
    several = openpyxl.Workbook()
    several.active.title = "Read me"
    several.active.append(["Collected at two markets"])
    for title, number in (("Epe", 8035550021), ("Ikeja", 8035550022), ("Old", 8035550023)):
        sheet = several.create_sheet(title)
        sheet.append(["Name", "Phone"])
        sheet.append(["Ada Obi", number])
    several["Old"].sheet_state = "hidden"
    save_with_libreoffice(several, "sheets.xls", LIBREOFFICE["saved.xls"])
    save_with_libreoffice(several, "sheets.ods", LIBREOFFICE["saved.ods"])


def save_with_libreoffice(book: openpyxl.Workbook, name: str, way: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        book.save(Path(folder) / "list.xlsx")
        subprocess.run(
            ["soffice", "--headless", "--norestore", f"-env:UserInstallation=file://{folder}/p"]
            + ["--convert-to", way, "--outdir", f"{folder}/out", f"{folder}/list.xlsx"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (made,) = Path(folder, "out").iterdir()
        shutil.move(made, HERE / "libreoffice" / name)


if __name__ == "__main__":
    people()
    libreoffice()
