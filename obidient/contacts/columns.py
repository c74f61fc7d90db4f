"""Which column is which: told by titles and cells together, or as a person says."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from obidient.areas import Ambiguous, find_lga, find_state
from obidient.contacts import names, numbers, place_columns, titles
from obidient.contacts.csvfile import Row
from obidient.errors import Invalid
from obidient.letters import without_marks

FIELDS = (
    "phone",
    "first_name",
    "last_name",
    "full_name",
    "state",
    "lga",
    "ward",
    "polling_unit",
    "tags",
)
#: A column of numbers that are used where the one before is empty, and kept beside it elsewhere.
FURTHER = "phone2"
#: A column with state, LGA and ward in one cell, or an address that names them.
PLACE = "place"
#: Before the name of a field of one's own, in a mapping.
OWN = "field:"
#: The title of the column that says which sheet somebody was on, where several are read as one.
SHEET = "Sheet"
#: Fields of their own that a file may bring.
MOST_OWN = 40
#: Share of the cells of a column that have to look like what it is taken for.
_MOST = 0.5
_NAMES = ("first_name", "last_name", "full_name")


@dataclass
class Columns:
    """Places of columns, counted from 0. `phone` has all columns of numbers, the first filled one
    being written to; `own` leads from a place to the name of a field of one's own."""

    fields: dict[str, int] = field(default_factory=dict)
    phones: list[int] = field(default_factory=list)
    own: dict[int, str] = field(default_factory=dict)
    #: Where the country codes of the numbers stand.
    country_code: int | None = None
    #: Where places stand that are whole in one cell, the levels that its title names, and the field
    #: of one's own that keeps what is more than a place: a street.
    whole: int | None = None
    levels: frozenset[str] = frozenset()
    kept_as: str = ""

    def of(self, place: int) -> str:
        """What a column is taken for: a field, `field:NAME`, or nothing."""
        if place in self.phones:
            return "phone" if place == self.phones[0] else FURTHER
        if place in self.own:
            return OWN + self.own[place]
        if place == self.whole:
            return PLACE
        return next((name for name, at in self.fields.items() if at == place), "")


def known_titles(cells: Sequence[str]) -> int:
    """How many cells of a row are titles that we know; one in a sentence alone is none."""
    found = [titles.meaning(" ".join(cell.split())) for cell in cells if cell.strip()]
    sure = sum(how_well >= 2 for _, how_well in found)
    return sum(how_well > 0 for _, how_well in found) if sure or len(found) == 1 else 0


def slug(title: str) -> str:
    """A title as the name of a field in texts: `Meeting place` is meeting_place."""
    plain = without_marks(titles.spoken(title) or title)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40].strip("_")


def recognise(header: Sequence[str], sample: Sequence[Row] = ()) -> Columns:
    """What each column is; `sample` are rows below the header, by which titles are checked."""
    cells = [_cells(sample, place) for place in range(len(header))]
    told = [titles.spoken(title) for title in header]
    phones = _phones(told, cells)
    for role in titles.ROLES:
        if not phones:
            told = [titles.without(role, title) for title in told]
            phones = _phones(told, cells)
    said = [titles.meaning(title) for title in told]
    found = Columns(phones=phones)
    for name in FIELDS[1:]:
        wanted = [place for place, (meant, _) in enumerate(said) if meant == name]
        wanted = [place for place in wanted if place not in found.phones]
        if wanted:
            best = max(wanted, key=lambda place: (said[place][1], bool(cells[place]), -place))
            found.fields[name] = best
    _by_cells(told, cells, found)
    _find_whole(told, cells, found)
    for place, title in enumerate(header):
        if titles.is_country_code(title):
            found.country_code = place
        has_any = bool(cells[place]) or _has_answers(sample, place)
        if len(found.own) < MOST_OWN and not found.of(place) and _is_kept(title, has_any):
            found.own[place] = _free(slug(title), found)
    _name_whole(found, header)
    return found


def _find_whole(told: list[str], cells: list[list[str]], found: Columns) -> None:
    """The column whose cells hold places as a whole, if any."""
    taken = {
        *found.phones,
        *(found.fields[name] for name in (*_NAMES, "tags") if name in found.fields),
    }
    place = place_columns.whole(told, cells, taken, found.fields)
    if place is not None:
        _release(found, place)
        found.whole = place


def _name_whole(found: Columns, header: Sequence[str]) -> None:
    if found.whole is not None:
        title = header[found.whole]
        found.levels = titles.levels(title)
        found.kept_as = _free(slug(title) or PLACE, found)


def _cells(sample: Sequence[Row], place: int) -> list[str]:
    texts = (row.cells[place].strip() for row in sample if place < len(row.cells))
    return [text for text in texts if text and not names.is_nothing(text)]


def _phones(header: Sequence[str], cells: list[list[str]]) -> list[int]:
    """The columns of numbers, the one to write to first."""
    said = [titles.meaning(title) for title in header]
    shares = [_share(texts, numbers.is_number) for texts in cells]
    named = [place for place, (meant, _) in enumerate(said) if meant == "phone"]
    # Cells decide; a title alone is enough where hardly any cell is filled in.
    found = [
        place
        for place in named
        if shares[place] >= 0.2
        or not cells[place]
        or (said[place][1] == 3 and len(cells[place]) < 5)
    ]
    if any(cells) and not any(shares[place] >= 0.2 for place in found):
        by_cells = [
            place
            for place, share in enumerate(shares)
            if share >= _MOST and place not in named and not _somebody_elses(header[place])
        ]
        if by_cells or not named:
            found = by_cells
        else:
            found = [max(named, key=lambda place: (said[place][1], -place))]
    return sorted(
        found,
        key=lambda place: (titles.lateness(header[place]), -min(said[place][1], 2), place),
    )


def _somebody_elses(title: str) -> bool:
    """Whether a title says that its numbers are another person's, or none of a phone."""
    return bool(title) and bool(set(titles.words(title)) & titles.NOT_PHONE)


def _share(texts: list[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, texts)) / len(texts) if texts else 0.0


def _by_cells(header: Sequence[str], cells: list[list[str]], found: Columns) -> None:
    """Columns without a title that says anything, told by what is in them."""
    for name, test in (("state", _is_state), ("lga", _is_lga)):
        if name not in found.fields:
            for place, texts in enumerate(cells):
                said_nothing = header[place] in ("", SHEET)
                blank = said_nothing or titles.meaning(header[place])[0] == "phone"
                if blank and not found.of(place) and _share(texts, test) > 0.7:
                    found.fields[name] = place
                    break
    if any(name in found.fields for name in _NAMES):
        return
    for place, texts in enumerate(cells):
        # As in `Contact,Phone,LGA`: the names stand under a word that can mean either.
        weak = not header[place] or titles.meaning(header[place]) == ("phone", 1)
        if weak and not found.of(place) and _share(texts, _is_name) > 0.7:
            found.fields["full_name"] = place
            return


def _is_state(text: str) -> bool:
    return not text.isdigit() and find_state(text) is not None


def _is_lga(text: str) -> bool:
    try:
        return find_lga(text) is not None
    except Ambiguous:
        return True


def _is_name(text: str) -> bool:
    return bool(names.tidy(text)) and len(text.split()) <= 6 and not any(map(str.isdigit, text))


def _has_answers(sample: Sequence[Row], place: int) -> bool:
    """Whether a column holds ticks and noughts, which are nothing elsewhere."""
    texts = (row.cells[place].strip() for row in sample if place < len(row.cells))
    return any(text.lower() in names.ANSWERS for text in texts)


def _is_kept(title: str, has_any: bool) -> bool:
    """Whether an unknown column is worth a field: it has a title and cells, and counts no rows."""
    return has_any and bool(slug(title)) and not titles.is_running(title)


def _free(name: str, found: Columns) -> str:
    """The name, with a number behind it where a field or another column has it."""
    taken = {*FIELDS, *found.own.values()}
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 99))) if n not in taken)


def assign(
    header: Sequence[str], mapping: Mapping[str, str] | None = None, sample: Sequence[Row] = ()
) -> Columns:
    """What each column is: what `mapping` says, before what titles and cells suggest.

    A mapping leads from a field to a title, `{"phone": "GSM"}`, or from a place to a field,
    `{"#2": "phone", "#3": "field:occupation", "#4": ""}`, since two titles may be alike. Raises
    Invalid when a title, place or field does not exist, or no column holds phone numbers.
    """
    found = recognise(header, sample)
    places = {
        _at(key, header): value.strip() for key, value in (mapping or {}).items() if key[:1] == "#"
    }
    for kind in (*FIELDS[1:], PLACE):
        if list(places.values()).count(kind) > 1:
            raise Invalid(f"Several columns are chosen as {kind}: leave it to one of them.")
    for key, value in (mapping or {}).items():
        if key.startswith("#"):
            _place(found, _at(key, header), value.strip())
        else:
            _title(found, key, value, header)
    chosen, further = (
        [at for at, value in sorted(places.items()) if value == kind] for kind in ("phone", FURTHER)
    )
    rest = [at for at in found.phones if at not in (*chosen, *further)]
    found.phones = [*chosen, *rest, *further]
    _name_whole(found, header)
    if not found.phones:
        raise Invalid(
            "No column is named like a phone number or holds any. Name one `phone`, or say which "
            f"it is. The columns are: {', '.join(title or '(no name)' for title in header)}."
        )
    return found


def _at(key: str, header: Sequence[str]) -> int:
    if not key[1:].isdecimal() or not 1 <= int(key[1:]) <= len(header):
        raise Invalid(f"There is no column {key[:20]!r}. There are {len(header)}: #1 is the first.")
    return int(key[1:]) - 1


def _place(found: Columns, place: int, value: str) -> None:
    """Take a column for what a person says; two of a kind are possible for phone numbers only."""
    _release(found, place)
    if value in ("phone", FURTHER):
        found.phones.append(place)
    elif value.startswith(OWN):
        name = slug(value.removeprefix(OWN))
        if not name or name in FIELDS:
            raise Invalid(f"A field of your own can't be called {value.removeprefix(OWN)[:40]!r}.")
        found.own[place] = name if name not in found.own.values() else _free(name, found)
    elif value == PLACE:
        found.whole = place
    elif value:
        _known(value)
        found.fields[value] = place


def _title(found: Columns, name: str, title: str, header: Sequence[str]) -> None:
    if not name.startswith(OWN) and name != PLACE:
        _known(name)
    if not title:
        if name == PLACE:
            found.whole = None
        if name == "phone":
            found.phones = []
        found.fields.pop(name, None)
        return
    wanted = title.strip().lower()
    if wanted.startswith("#"):
        place = _at(wanted, header)
    else:
        places = [at for at, one in enumerate(header) if one.strip().lower() == wanted]
        if not places:
            raise Invalid(f"There is no column {title!r}. There are: {', '.join(header)}.")
        place = places[0]
    _release(found, place)
    if name == "phone":
        # Columns of the same title are all of them meant.
        rest = [at for at in found.phones if at != place]
        found.phones = [place, *rest]
    else:
        _place(found, place, name)


def _known(name: str) -> None:
    if name not in FIELDS:
        raise Invalid(
            f"There is no field {name[:40]!r}. Choose from: {', '.join((*FIELDS, PLACE))}."
        )


def _release(found: Columns, place: int) -> None:
    """A column that a person gave to one field is no longer guessed for another."""
    found.fields = {name: at for name, at in found.fields.items() if at != place}
    found.phones = [at for at in found.phones if at != place]
    found.own.pop(place, None)
    if found.whole == place:
        found.whole = None
