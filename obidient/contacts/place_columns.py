"""Which column holds places as a whole, such as Lagos/Ikeja/Ojodu, told by titles and cells."""

from collections.abc import Mapping

from obidient.contacts import titles
from obidient.contacts.addresses import find

#: Cells of a column that are looked at.
_SAMPLE = 60
#: Share of cells that have to name an area: under a title of places, a title of one level such as
#: LGA, and any other title.
_LEAST, _MOST, _NEARLY_ALL = 0.2, 0.5, 0.7


def whole(
    header: list[str], cells: list[list[str]], taken: set[int], fields: Mapping[str, int]
) -> int | None:
    """The place of that column; `fields` are the columns that are known by their titles."""
    shares = {
        place: _share(title, texts, place in fields.values())
        for place, (title, texts) in enumerate(zip(header, cells, strict=True))
        if place not in taken and not titles.is_elsewhere(title)
    }
    best = max(shares, key=lambda place: (shares[place], -place), default=None)
    if best is None or not shares[best]:
        return None
    # LGAs and wards in columns of their own need no second word.
    others = {fields[name] for name in ("lga", "ward") if name in fields} - {best}
    return None if others else best


def _share(title: str, texts: list[str], is_known: bool) -> float:
    """The share of cells that name an area; 0 where they are too few."""
    texts = texts[:_SAMPLE]
    of_places = titles.is_of_places(title) and not is_known
    named = 0
    for text in texts:
        found = find(text)
        named += bool(found.state or found.lga) if of_places else found.is_whole()
    share = named / len(texts) if texts else 0.0
    least = _LEAST if of_places else _MOST if is_known else _NEARLY_ALL
    return share if share >= least else 0.0
