"""A place in one cell: `Lagos/Ikeja/Ojodu`, `Ojodu, Ikeja, Lagos`, `12 Allen Avenue, Ikeja, Lagos`.

Names are found in any order. Two LGAs of one name are told apart by the state beside them; where
that leaves a doubt, the place is the nearest that is sure, or none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obidient.areas import LGAS, STATES, find_state, lgas_named

_APART = re.compile(
    r"[,;\\|>()\n\r\u2013\u2014\u2192\u00b7]|\s-\s|\s/\s|\b(?:state|lga|ward)\s*[:=]", re.IGNORECASE
)
#: What is between two towns: Lagos/Ibadan Expressway.
_ROAD = re.compile(r"\b(?:roads?|rd|street|express(?:way)?|highway|by-?pass)\b", re.IGNORECASE)
#: `Ikeja LGA Lagos State`: what stands behind such a word is another place.
_ENDS = re.compile(r"\b(l\.?g\.?a?\.?|local government(?: area)?|state)(?=\s+[a-z])", re.IGNORECASE)
_IS_LGA = re.compile(
    r".*\b(?:l\.?g\.?a?\.?|local government(?: area)?|area council)", re.IGNORECASE
)
_IS_STATE = re.compile(r".*\bstate", re.IGNORECASE)
#: Words of an address that name no area.
_STREET = re.compile(
    r"\d|\b(?:street|str|st|road|rd|avenue|ave|close|crescent|estate|house|plot|block|flat|off"
    r"|opposite|opp|beside|behind|near|junction|bus ?stop|lane|drive|way|layout|phase|quarters"
    r"|no|km|market|shop|plaza|hospital|church|mosque|school|express(?:way)?|highway|by-?pass|university|barracks)\b",
    re.IGNORECASE,
)
_WARD = re.compile(r"(?:reg(?:istration)? area|ward)\b", re.IGNORECASE)
_COUNTRY = frozenset({"nigeria", "ng"})
#: Names of areas have three parts at most: Ogba/Egbema/Ndoni.
_LONGEST_RUN = 3
_MOST_PARTS, _MOST_WORDS, _LONGEST = 12, 8, 300


@dataclass(frozen=True)
class Found:
    """Codes of what a cell names for sure, the parts that name neither, and what is in doubt.

    `is_sure` says whether a state, or the word LGA, stands beside the name of the LGA; `beside` is
    the part that stands beside the state where no LGA is known.
    """

    state: str = ""
    lga: str = ""
    rest: tuple[str, ...] = ()
    doubt: str = ""
    is_sure: bool = True
    beside: str = ""

    def is_whole(self) -> bool:
        """Whether both names stand in the cell and what is left is no street."""
        return bool(self.lga) and self.is_sure and self.is_plain()

    def is_plain(self) -> bool:
        """Whether what is left is no street."""
        return not any(map(is_street, self.rest))


@dataclass(frozen=True)
class _Reading:
    """One way to understand the parts: which of them are which area."""

    parts: frozenset[int]
    state: str
    lga: str = ""
    is_sure: bool = True
    #: Whether the state stands there, too.
    is_pair: bool = False


def is_street(part: str) -> bool:
    """Whether a part of an address is none of an area: it has digits, or a word such as Road."""
    return bool(_STREET.search(part)) and not _WARD.match(part)


def find(text: str, state: str = "") -> Found:
    """The areas that a cell names; `state` is the code of the one that is known otherwise."""
    parts = _parts(text)
    readings = _weighed([*_readings(parts)])
    if state:
        readings = [_known(one) for one in readings if one.state == state]
    if not readings:
        return Found(rest=tuple(parts) or (text,))
    most = max(len(one.parts) for one in readings)
    best = [one for one in readings if len(one.parts) == most]
    if len({one.state for one in best}) > 1 or _clash(readings, best):
        return Found(rest=tuple(parts), doubt=_doubt(text, readings))
    taken = best[0].parts
    rest = tuple(part for at, part in enumerate(parts) if at not in taken)
    lgas = {one.lga for one in best}
    if len(lgas) > 1:
        # Katsina is a state and an LGA of it: the state is sure.
        doubt = _doubt(text, best) if len(lgas - {""}) > 1 else ""
        return Found(best[0].state, "", rest, doubt)
    beside = "" if best[0].lga else _beside(parts, taken)
    return Found(best[0].state, best[0].lga, rest, "", best[0].is_sure, beside)


def _beside(parts: list[str], taken: frozenset[int]) -> str:
    """The part behind a state that stands first, else the one before it."""
    at = max(taken) + 1 if 0 in taken else min(taken) - 1
    return parts[at] if at < len(parts) else ""


def _parts(text: str) -> list[str]:
    if len(text) > _LONGEST:
        return []
    parts = _two_words(text)
    for part in [] if parts else _APART.split(_ENDS.sub(r"\1,", text)):
        parts += _pieces(part.strip(" .:\t"))
    return [part for part in parts if part and part.casefold() not in _COUNTRY][:_MOST_PARTS]


def _pieces(part: str) -> list[str]:
    """Lagos/Ikeja and Lagos-Ikeja in two; Eti-Osa, Katsina-Ala and Lagos-Ibadan Road are one."""
    if not ("/" in part or "-" in part) or find_state(part) or lgas_named(part):
        return [part]
    whole = [piece.strip() for piece in re.split("[/-]", part) if piece.strip()]
    if any(one.is_pair for one in _readings(whole)):
        return whole
    return [part] if _ROAD.search(part) else [piece.strip() for piece in part.split("/")]


def _two_words(text: str) -> list[str]:
    """`Ikeja Lagos` and `Lagos Ikeja`, which nothing keeps apart; empty for all else."""
    words = text.split()
    if not 1 < len(words) < _MOST_WORDS or find_state(text) or lgas_named(text):
        return []
    for at in range(1, len(words)):
        one, other = " ".join(words[:at]), " ".join(words[at:])
        for state, lga in ((find_state(one), other), (find_state(other), one)):
            if state and any(code.startswith(state) for code in lgas_named(lga)):
                return [one, other]
    return []


def _runs(parts: list[str]) -> Iterator[tuple[frozenset[int], str]]:
    """Parts that follow each other, and what they say together: Oshodi/Isolo is one LGA."""
    for begin in range(len(parts)):
        for end in range(begin + 1, min(begin + _LONGEST_RUN, len(parts)) + 1):
            yield frozenset(range(begin, end)), " ".join(parts[begin:end])


def _readings(parts: list[str]) -> Iterator[_Reading]:
    """Every state, every LGA, and every state with an LGA of its own that the parts can name."""
    states, lgas = [], []
    for run, said in _runs(parts):
        is_lga = bool(_IS_LGA.fullmatch(said))
        code = None if is_lga or said.isdigit() else find_state(said)
        if code:
            states.append(_Reading(run, code))
        if not _IS_STATE.fullmatch(said) or said.casefold() == "state":
            lgas += [_Reading(run, one[:2], one, is_lga) for one in lgas_named(said)]
    yield from states
    yield from lgas
    for state in states:
        for lga in lgas:
            if lga.state == state.state and not lga.parts & state.parts:
                yield _Reading(state.parts | lga.parts, lga.state, lga.lga, is_pair=True)


def _weighed(readings: list[_Reading]) -> list[_Reading]:
    """Without LGAs that lie in another state than the one that stands beside them: Garki, Abuja."""
    states = [one for one in readings if not one.lga]
    return [
        one
        for one in readings
        if not one.lga
        or one.is_sure
        or any(state.state == one.state for state in states)
        or all(state.parts & one.parts for state in states)
    ]


def _known(reading: _Reading) -> _Reading:
    return _Reading(reading.parts, reading.state, reading.lga)


def _clash(readings: list[_Reading], best: list[_Reading]) -> bool:
    """Whether a part that the best readings leave over is another state's name."""
    taken = frozenset().union(*(one.parts for one in best))
    return any(
        not one.lga and one.state != best[0].state and not one.parts & taken for one in readings
    )


def _doubt(text: str, readings: list[_Reading]) -> str:
    """What a cell may mean, as a sentence."""
    ways = dict.fromkeys(
        f"{STATES[one.state]}/{LGAS[one.lga]}" if one.lga else f"the state {STATES[one.state]}"
        for one in readings
    )
    return f"{text[:80]!r} can mean {' or '.join([*ways][:4])}: write which."
