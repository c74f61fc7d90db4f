"""The sheets of a workbook: which hold people, which go together, and several read as one list."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from obidient.contacts import numbers
from obidient.contacts.columns import SHEET
from obidient.contacts.csvfile import Row
from obidient.contacts.headings import SAMPLE, Top, begin, one_each
from obidient.errors import Invalid

#: Between names of sheets; no program lets a name have it.
APART = "/"
#: All sheets that go together with the first one that holds people.
ALL = "*"
#: Sheets read as one list, and how many lines each may have: a line's number tells its sheet.
_MOST, _LINES = 250, 1 << 24
#: Rows by which a sheet is told that nobody chose.
_LOOK = 60


@runtime_checkable
class Book(Protocol):
    """A file with several tables, `hidden` those that its writer hid."""

    sheets: list[str]
    hidden: list[str]
    sheet: str

    @property
    def size(self) -> int: ...

    @property
    def position(self) -> int: ...

    def choose(self, sheet: str) -> None: ...

    def __iter__(self) -> Iterator[Row]: ...


def _first_rows(book: Book, sheet: str, most: int = SAMPLE) -> list[Row]:
    book.choose(sheet)
    return begin(iter(book), most)


def _top(book: Book, sheet: str, titles: int | None, most: int = SAMPLE) -> Top | None:
    """How a sheet begins; None where it holds nothing."""
    rows = _first_rows(book, sheet, most)
    return Top.of(rows, titles) if rows else None


def _has_people(rows: list[Row]) -> bool:
    return any(numbers.any_in(row.cells) for row in rows)


def chosen(book: Book, wanted: str, titles: int | None) -> list[str]:
    """The sheets to read: those that a person wants, else the first that holds numbers.

    Raises Invalid when there is no such sheet.
    """
    every = [*book.sheets, *book.hidden]
    if wanted and wanted != ALL:
        names = {wanted} if wanted in every else {one for one in wanted.split(APART) if one}
        if not names:
            raise Invalid(f"Name a sheet. There are: {', '.join(every)}.")
        for missing in names - set(every):
            raise Invalid(f"There is no sheet {missing[:40]!r}. There are: {', '.join(every)}.")
        return [one for one in every if one in names]
    filled = (one for one in book.sheets if _has_people(_first_rows(book, one)))
    first = next(filled, None)
    if first is None:
        # The formulas of a sheet, whose results are missing, are people too.
        waiting = (
            one for one in book.sheets if any(row.unsolved for row in _first_rows(book, one))
        )
        return [next(waiting, book.sheets[0])]
    if wanted != ALL:
        return [first]
    told = look(book, [first], titles)
    return [one["name"] for one in told if one["state"] in ("read", "same") and not one["hidden"]]


def look(book: Book, read: list[str], titles: int | None) -> list[dict[str, Any]]:
    """Each sheet: whether it is `read`, could be read with those that are (`same`), has `other`
    titles, `nobody` on it, or is `empty`; with its titles."""
    tops = {one: _top(book, one, None if one not in read else titles, _LOOK) for one in read}
    bases = [top for top in tops.values() if top]
    found = []
    for name in (*book.sheets, *book.hidden):
        top = tops[name] if name in tops else _top(book, name, None, _LOOK)
        if name in read:
            state = "read"
        elif top is None:
            state = "empty"
        elif not _has_people(top.sample) and not any(row.unsolved for row in top.sample):
            state = "nobody"
        else:
            state = "same" if _go_together([*bases, top]) else "other"
        named = ", ".join(filter(None, top.header)) if top and state != "nobody" else ""
        hidden = name in book.hidden
        found.append({"name": name, "state": state, "titles": named[:200], "hidden": hidden})
    return found


def _keys(header: list[str]) -> list[tuple[str, int]]:
    """What tells each column of a table: its title, and which of that title it is."""
    seen: Counter[str] = Counter()
    keys = []
    for title in header:
        key = title.casefold()
        seen[key] += 1
        keys.append((key, seen[key]))
    return keys


def _named(top: Top) -> set[tuple[str, int]]:
    return {key for key in _keys(top.header) if key[0]}


def _go_together(tops: list[Top]) -> bool:
    """Whether one of them has all the titles of the others."""
    if len({(top.one_each, bool(top.titles)) for top in tops}) > 1:
        return False
    widest = max((_named(top) for top in tops), key=len, default=set())
    return all(_named(top) <= widest for top in tops)


def _order(keys: list[tuple[str, int]], top: Top) -> list[int]:
    """Where each of the columns stands in a table, -1 where it has none."""
    places = {key: at for at, key in enumerate(_keys(top.header))}
    return [places.get(key, -1) for key in keys]


class Together:
    """The rows of several sheets with the same titles, in whatever order these stand.

    A column at the end names the sheet; the line of a row tells it, too: see `sheet_of`.
    """

    def __init__(self, book: Book, sheets: list[str], titles: int | None) -> None:
        tops = {one: top for one in sheets if (top := _top(book, one, titles))}
        if len(tops) > _MOST:
            raise Invalid(f"More than {_MOST} sheets can't be read at once. Leave some out.")
        if not tops:
            raise Invalid("These sheets are empty.")
        widest = max(tops.values(), key=lambda top: len(_named(top)))
        for name, top in tops.items():
            if not _go_together([widest, top]):
                other = next(one for one in tops if tops[one] is widest)
                raise Invalid(
                    f"The sheets {other} and {name} have different titles: "
                    f"{', '.join(filter(None, widest.header))}; "
                    f"{', '.join(filter(None, top.header)) or 'none'}. Import each by itself."
                )
        keys = dict.fromkeys(key for top in (widest, *tops.values()) for key in _keys(top.header))
        titles_of = dict(zip(_keys(widest.header), widest.header, strict=True))
        self._book, self._tops = book, tops
        self._orders = {one: _order(list(keys), top) for one, top in tops.items()}
        self._number = 0
        header = [*(titles_of.get(key, "") for key in keys), SHEET]
        share = max(SAMPLE // len(tops), 1)
        sample = [self._row(0, one, row) for one in tops for row in tops[one].sample[:share]]
        headings = list(dict.fromkeys(line for top in tops.values() for line in top.headings))
        self.top = Top(headings, widest.titles, header, 0, sample)

    @property
    def position(self) -> int:
        done = self._number * self._book.size + self._book.position
        return done // len(self._tops)

    def _row(self, number: int, sheet: str, row: Row) -> Row:
        order, width = self._orders[sheet], len(row.cells)
        cells = [row.cells[at] if 0 <= at < width else "" for at in order]
        unsolved = tuple(order.index(at) for at in row.unsolved if at in order)
        return Row(row.line + number * _LINES, [*cells, sheet], row.problem, unsolved)

    def __iter__(self) -> Iterator[Row]:
        for number, (sheet, top) in enumerate(self._tops.items()):
            self._number = number
            self._book.choose(sheet)
            for row in islice(iter(self._book), top.people, None):
                for one in one_each([row]) if top.one_each else [row]:
                    yield self._row(number, sheet, one)

    def sheet_of(self, line: int) -> tuple[str, int]:
        """The sheet of a row, and its line there."""
        number, line = divmod(line, _LINES)
        return list(self._tops)[number], line
