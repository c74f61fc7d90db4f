"""Makes the workbooks beside it; run by hand: python tests/data/lists/make.py

All names and numbers are invented (0803 555 0000 to 0999 is used for inventions only).
"""

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


if __name__ == "__main__":
    people()
