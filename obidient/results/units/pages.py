"""What the public pages of “my polling unit” show: the search, its list, and one unit's sheet."""

from typing import Any

from obidient.areas import LGAS, ROOT_CODE, STATES, UNIT_RE, ancestors, area_name
from obidient.errors import Invalid
from obidient.results.models import Election
from obidient.results.units import document, names

#: Units of a list.
SHOWN = 20
LONGEST = 100


def search(election: Election, wanted: str, area: str) -> dict[str, Any]:
    """What the search page shows for what was typed. Raises NotFound for an area elsewhere."""
    wanted, area = " ".join(wanted.split())[:LONGEST], area.strip()
    document.within(election, area)
    found, trouble = None, ""
    if wanted:
        try:
            found = document.found(election.id, wanted, area, SHOWN)
        except Invalid as error:
            trouble = error.detail
    return {
        "wanted": wanted,
        "area": area,
        "areas": _areas(election, area),
        "found": found,
        "trouble": trouble,
        "sentence": _sentence(found) if found else "",
        "statuses": document.STATUSES,
    }


def only(page: dict[str, Any]) -> str:
    """The one unit whose code was typed; empty for names and for what is not there."""
    code = names.code_in(page["wanted"]) or ""
    return code if UNIT_RE.fullmatch(code) and page["found"] and page["found"]["items"] else ""


def _areas(election: Election, area: str) -> list[tuple[str, str]]:
    """(code, name) of the areas to choose from, and of the one that is chosen."""
    limit = election.area_code
    if limit == ROOT_CODE:
        found = list(STATES.items())
    else:
        found = [(code, name) for code, name in LGAS.items() if code[:2] == limit]
    found.sort(key=lambda one: one[1])
    if area and area != limit and area not in dict(found):
        found.append((area, ", ".join(area_name(code) for code in ancestors(area)[:-1])))
    return found


def _sentence(found: dict[str, Any]) -> str:
    """How many units fit, and what to do about it when they are many."""
    shown, total = len(found["items"]), found["total"]
    if not shown:
        return "No polling unit fits. Write less of the name, or look it up by its code."
    if total is None:
        return f"More than {names.MOST:,} fit. Choose a state or write more of the name."
    if total > shown:
        return f"{total:,} fit; these are the first {shown}. Write more, or look in one place:"
    return "One polling unit fits." if total == 1 else f"{total:,} polling units fit."
