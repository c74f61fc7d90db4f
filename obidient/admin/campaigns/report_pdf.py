"""A campaign's report as a PDF of A4, with letters and signs of every language we write in."""

from typing import TYPE_CHECKING, Any

from obidient.admin import charts, formats
from obidient.config import ROOT

if TYPE_CHECKING:
    from fpdf import FPDF

#: DejaVu has the letters of Yoruba, Hausa and Igbo and the sign of the Naira.
FONTS = ROOT / "obidient" / "static" / "vendor" / "dejavu-2.37"
INK, MUTED, LINE, PAPER = (20, 32, 27), (92, 107, 99), (221, 228, 223), (255, 255, 255)
#: As the pages colour the states in daylight.
COLOURS = {
    "delivered": (30, 133, 73),
    "sent": (15, 124, 134),
    "sending": (31, 95, 168),
    "unconfirmed": (109, 69, 184),
    "unreached": (179, 38, 30),
    "skipped": (154, 165, 159),
    "not-sent": (154, 165, 159),
    "queued": (118, 131, 124),
}
MARGIN, CHART_HEIGHT = 16, 26
#: Stands for the number of pages until it is known; no text holds it.
PAGES = "\ue000"
#: A column of words is so many times as wide as one of figures.
WORDS = 3


def _begin(made: str) -> "FPDF":
    """A file whose foot says what it is, when it was made, and which page of how many."""
    # Half a second and 20 MB that no process needs before somebody asks for a PDF.
    from fpdf import FPDF

    class Page(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("DejaVu", size=7)
            self.set_text_color(*MUTED)
            said = f"Made by Obidient, {made} · page {self.page_no()} of {PAGES}"
            self.cell(0, 6, said, align="C")

    page = Page(format="A4")
    page.alias_nb_pages(PAGES)
    return page


def made(report: Any) -> bytes:
    """The whole file of a `report.Report`."""
    page = _begin(report.made)
    page.set_title(report.title)
    page.set_margins(MARGIN, MARGIN, MARGIN)
    page.set_auto_page_break(True, 18)
    page.add_font("DejaVu", "", FONTS / "DejaVuSans.ttf")
    page.add_font("DejaVu", "B", FONTS / "DejaVuSans-Bold.ttf")
    page.add_page()
    _text(page, report.title, 18, bold=True)
    _text(page, report.lead, 9, colour=MUTED)
    _facts(page, report.facts)
    _bar(page, report.parts, report.total)
    if not report.pace.empty:
        _heading(page, "Pace")
        _chart(page, report.pace, report.pace_from, report.pace_to)
    for table in report.tables:
        _heading(page, table.title)
        _table(page, table)
    if report.message:
        _heading(page, "The message, as written")
        _text(page, report.message, 9)
    return bytes(page.output())


def _text(
    page: "FPDF",
    words: str,
    size: float,
    bold: bool = False,
    colour: tuple[int, int, int] = INK,
) -> None:
    page.set_font("DejaVu", "B" if bold else "", size)
    page.set_text_color(*colour)
    page.multi_cell(0, size * 0.5, words, align="L", new_x="LMARGIN", new_y="NEXT")


def _heading(page: "FPDF", words: str) -> None:
    # A heading stays with the first lines under it.
    if page.get_y() > page.h - 44:
        page.add_page()
    page.ln(4)
    _text(page, words, 11, bold=True)
    page.ln(1.5)


def _facts(page: "FPDF", facts: list[tuple[str, str]]) -> None:
    """Two facts beside each other."""
    from fpdf import FontFace

    page.ln(3)
    pairs = [facts[place : place + 2] for place in range(0, len(facts), 2)]
    page.set_font("DejaVu", size=9)
    with page.table(
        borders_layout="NONE",
        col_widths=(20, 36, 24, 36),
        first_row_as_headings=False,
        line_height=5.2,
        text_align="LEFT",
    ) as table:
        for pair in pairs:
            row = table.row()
            for name, value in [*pair, ("", "")][:2]:
                row.cell(name, style=FontFace(color=MUTED))
                row.cell(value, style=FontFace(color=INK, emphasis="BOLD"))


def _bar(page: "FPDF", parts: list[tuple[str, int]], total: int) -> None:
    """The segmented bar, and what its colours mean in words."""
    if not total:
        return
    page.ln(3)
    x, y, width = page.l_margin, page.get_y(), page.epw
    for state, number in parts:
        if number:
            part = width * number / total
            page.set_fill_color(*COLOURS.get(state, LINE))
            page.rect(x, y, part, 4, style="F")
            x += part
    page.set_y(y + 5.5)
    said = [
        f"{formats.status_word(state)} {number:,} ({formats.percent(number, total)})"
        for state, number in parts
        if number
    ]
    _text(page, " · ".join(said), 8, colour=MUTED)


def _chart(page: "FPDF", drawing: charts.Drawing, begins: str, ends: str) -> None:
    """The bars of `charts`, green for taken and red for not, with the scale above."""
    _text(page, f"Messages a second, up to {drawing.top:g}", 7.5, colour=MUTED)
    x, y, width = page.l_margin, page.get_y() + 1, page.epw
    across, down = width / charts.WIDTH, CHART_HEIGHT / charts.HEIGHT
    page.set_draw_color(*LINE)
    for height in (0, CHART_HEIGHT / 2, CHART_HEIGHT):
        page.line(x, y + height, x + width, y + height)
    for state, left, top, wide, high in drawing.bars:
        page.set_fill_color(*COLOURS.get(state, LINE))
        page.rect(x + left * across, y + top * down, wide * across, high * down, style="F")
    page.set_y(y + CHART_HEIGHT + 1)
    page.set_font("DejaVu", size=7.5)
    page.set_text_color(*MUTED)
    page.cell(width / 2, 4, begins)
    page.cell(width / 2, 4, ends, align="R", new_x="LMARGIN", new_y="NEXT")


def _table(page: "FPDF", shown: Any) -> None:
    """A `report.Table`: its columns of figures are narrow and to the right."""
    from fpdf import FontFace

    page.set_font("DejaVu", size=8.5)
    page.set_text_color(*INK)
    page.set_draw_color(*LINE)
    # Cells are filled with whatever colour was the last.
    page.set_fill_color(*PAPER)
    with page.table(
        borders_layout="HORIZONTAL_LINES",
        col_widths=tuple(1 if one else WORDS for one in shown.figures),
        headings_style=FontFace(emphasis="BOLD", color=MUTED, fill_color=PAPER),
        line_height=5,
        text_align=tuple("RIGHT" if one else "LEFT" for one in shown.figures),
        padding=(0.6, 1, 0.6, 1),
    ) as table:
        for cells in (shown.columns, *shown.rows):
            row = table.row()
            for cell in cells:
                row.cell(cell)
