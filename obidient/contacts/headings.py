"""The beginning of a table: which line names the columns, and where people begin."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from obidient.contacts import columns, numbers
from obidient.contacts.csvfile import Row
from obidient.contacts.titles import is_made_up
from obidient.errors import Invalid

#: Rows by whose cells columns are told.
SAMPLE = 200
#: Titles are looked for among so many rows.
_TOP = 20
#: Columns of a table.
_WIDEST = 200


@dataclass(frozen=True)
class Top:
    """The first rows of a table, understood.

    `headings` are the lines above the titles, `titles` the line of the titles, 0 where there are
    none, `people` how many rows come before the first person, `sample` the first people. With
    `one_each` every cell is somebody.
    """

    headings: list[str]
    titles: int
    header: list[str]
    people: int
    sample: list[Row]
    one_each: bool = False
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, first: list[Row], told: int | None = None, is_titled: bool = False) -> "Top":
        """Of the first rows; `told` is the line that a person says the titles are on.

        Raises Invalid where there is no such line, or nobody could tell the titles.
        """
        if not first:
            raise Invalid("The file is empty.")
        if first[0].problem:
            raise Invalid(
                "The quotes of the first line, which names the columns, don't match. Correct them "
                "in the file, or save it anew from Excel."
            )
        at, people = (0, 1) if is_titled else _find(first, told)
        above = first[: people if at < 0 else at]
        headings = [" ".join(" ".join(row.cells).split())[:200] for row in above]
        rest = first[people:]
        named = _named_members(rest)
        if at < 0 and (named or _is_of_numbers_alone(rest)):
            # 08035550001, 08035550002, 08035550003: each is somebody.
            sample = list(one_each(rest))[:SAMPLE]
            return cls(headings, 0, [""], people, sample, one_each=True, remarks=_remarks(named))
        titles = [" ".join(cell.split()) for cell in first[at].cells] if at >= 0 else []
        widest = max((len(row.cells) for row in rest), default=0)
        header = titles + [""] * (min(widest, _WIDEST) - len(titles))
        line = first[at].line if at >= 0 else 0
        return cls(headings, line, header, people, rest[:SAMPLE])


def begin(rows: Iterator[Row], most: int = SAMPLE) -> list[Row]:
    """The first rows of a table, enough to tell its titles by."""
    return list(islice(rows, most + _TOP))


def _find(first: list[Row], told: int | None) -> tuple[int, int]:
    """As `find_titles`, unless a person has said which line it is."""
    if told == 0:
        return -1, 0
    if told is not None:
        for at, row in enumerate(first):
            if row.line >= told:
                return at, at + 1
        raise Invalid(f"There is no line {told} near the beginning of the file.")
    return find_titles([row.cells for row in first])


def _is_of_numbers_alone(rows: list[Row]) -> bool:
    """Whether people's numbers follow each other in a line, three and more, and nothing else."""
    cells = [cell for row in rows for cell in row.cells if cell.strip()]
    widest = max((len(row.cells) for row in rows), default=0)
    return (widest > 2 or (widest == 2 and len(rows) == 1)) and all(map(numbers.is_number, cells))


def _named_members(rows: list[Row]) -> list[str]:
    """The names in what WhatsApp shows of a group: `Ada, Musa, +234 803 555 0001, …, You`."""
    if len(rows) != 1:
        return []
    cells = [cell.strip() for cell in rows[0].cells if cell.strip()]
    numbered = [cell for cell in cells if numbers.is_number(cell)]
    named = [cell for cell in cells if not any(map(str.isdigit, cell))]
    is_group = len(numbered) > 2 and all("+" in cell for cell in numbered)
    return named if is_group and len(named) + len(numbered) == len(cells) else []


def _remarks(named: list[str]) -> tuple[str, ...]:
    others = [name for name in named if name.casefold() != "you"]
    if not others:
        return ()
    told = ", ".join(others[:5]) + (" and others" if len(others) > 5 else "")
    return (f"Named without a number, so not read: {told}.",)


def one_each(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        for cell in row.cells:
            if any(map(str.isdigit, cell)):
                yield Row(row.line, [cell], row.problem)


def find_titles(rows: list[list[str]]) -> tuple[int, int]:
    """Which of the first rows names the columns, -1 where none does, and where people begin.

    It is the row with the most titles that we know, or the one above the first phone number that
    fills as many columns as the rows below it. Without titles, what is above the people and fills
    less than half of their columns is passed over.
    """
    people = next((at for at, cells in enumerate(rows) if numbers.any_in(cells)), None)
    above = rows[: min(_TOP, len(rows) if people is None else people)]
    known = [columns.known_titles(cells) for cells in above]
    most = max(known, default=0)
    if most:
        # Of two alike, the one nearer to the people.
        best = len(known) - 1 - known[::-1].index(most)
        return best, best + 1
    if people is None:
        return 0, 1
    if people == 0:
        return -1, 0
    # The titles are in words of their own, such as a language that we don't know.
    filled = sum(bool(cell.strip()) for cell in rows[people])
    last = rows[people - 1]
    named = sum(
        bool(cell.strip()) and (not any(map(str.isdigit, cell)) or is_made_up(cell))
        for cell in last
    )
    if 2 * named >= filled and (named > 1 or filled == 1):
        return people - 1, people
    begin = people
    while begin and 2 * sum(bool(cell.strip()) for cell in rows[begin - 1]) >= filled > 1:
        begin -= 1
    return -1, begin
