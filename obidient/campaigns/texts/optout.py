"""Requests to stop, over the letters of a clause.

Such a request must have no object of its own other than our messages and the writer's number:
whoever wrote "Stop the violence in Jos" would otherwise never hear from us again.

No rule repeats what itself repeats, so that a hostile text costs no more than a long one.
"""

import re
from collections.abc import Callable

from obidient.campaigns.texts.words import (
    AFFAIRS,
    DONE,
    FIGURES,
    FOR_NOW,
    IN_VAIN,
    JOKES,
    MESSAGES,
    MISTAKES,
    NETWORKS,
    ONESELF,
    THREATS,
    WANTED,
)

# -- the rules, over the letters of a clause ---------------------------------------------------

#: Says nothing that counts: in front of a request, behind one.
FRONT = "PFpvejUWMnTVsgKQkyfEtAqhC"
_BEHIND = "vejPFpUWMnTVsgKkyftoSERLNq"


def rule(letters: str) -> re.Pattern[str]:
    """A pattern in which `~` is politeness and fillers, and `*` all that may stand behind."""
    return re.compile(letters.replace("~", "PFpvej").replace("[*]", f"[{_BEHIND}O]*"))


#: Stop; end, cancel; remove my number.
_STOP, _END, _REMOVE = rule("S[*]$"), rule("E[*]$"), rule("R[*]$")
#: Leave me alone.
_LEAVE = rule("Ln?M[~UMnTKNLsO]*$")
#: Take my number off, take off my number.
_TAKE_OFF = rule("[tg][~]*[Mn][~Mn]*o[*]$|[tg][~]*o[~OU]*[Mn][*]$")
#: Take it off, of a number that was named before.
_TAKE_IT_OFF = rule("t[~]*o[*]$")
#: Don't send me messages, don't trouble me.
_DONT_SEND = rule(
    "N[~UKkM]{0,4}(?:[sT][*]|[VA][*][MnTK][*])$|N[~UK]*sM[~O]*T|Ns?[~]*T.?s[~]*M"
    "|N[F]?v[~UMnTOX]{0,6}s[*]$"
)
#: Igbo: one word for "don't send".
_FORBIDS = rule("d(?:[*]$|M)")
#: I don't want your messages.
_DONT_WANT = rule("N[~KU]{0,3}W[~UMnTsgKkyOC]*$")
#: I don't want your messages in this house.
_DONT_WANT_HERE = rule("N[~KU]{0,3}W[~UMng]*T[~KMn]*p")
#: Tired of your messages; your messages are annoying.
_TIRED = rule("Q[~MnUO]*[sT][*]$")
_TIRES = rule("[~UOK]*T[~U]*(?:M?[~]*Q|sM)[~MK]*$")
#: Let this be the last message.
_LAST = rule("l[~U]*[sT][~UMnTsO]*$")
#: Text me again (and I will sue).
_AGAIN = rule("[~UfK]*[sTgV][~UMnTOKsV]*(?:$|MKU)|f[~K]*U?[~K]*[sgV][~]*[MnTK]")
#: (I will block you) if these messages continue.
_IF_GOES_ON = rule("f[~UO]*(?:T[~]*[CKs]|[C])")
#: (I will block you) if you don't stop.
_UNLESS = rule("(?:fUN|U)S[*]$")
_STOP_THEM = rule("[SE][~]*O[~]*$")
#: Stop texting me about: what follows only says which, when or where.
_OURS_ABOUT = rule("(?:S[~UKkM]{0,4}[sTV]|N[~UKkM]{0,4}[sT])[~OMUK]*(?:[MnT][~MnTKU]*)?p")
#: Stop sending me whatever it is; stop filling my inbox, stop sending things to my phone.
_STOP_TO_ME = rule("S[~]*(?:s[~]*M|[sV][~]*X?[~]*T[*]$|[sX][~oXO]{0,4}Mn[*]$)")
#: I want to be off this list.
_OFF = rule("o[~]*n[*]$")
#: Off my number.
_OFF_MINE = rule("o[~]*Mn[*]$")
#: Don't stop; but "bana so, ku daina" (I don't want, stop) gives the reason.
_NEGATED = rule("[Nc](?:[FpUWkC]{0,4}|q)$")
_LET = rule("k[~U]*$")
#: Whom a threat is for.
_US = frozenset("you u una this message messages text texts sms number".split())
#: Speaks of us, of our messages, or of nothing.
_OF_US = rule("[~UMnTsVQK]*")
_ENOUGH = rule("[PFjeUMnTsVQK]*(?:p[~]*[MnT][~MnT]*)?")
_ORDERED = frozenset("should must better".split())
#: My number should not be on your list.
_NOT_HERE = rule("[~UO]*Mn[~]*N[~]*(?:p[~]*n|Mn)[~]*")
#: "Who gave you my number? Remove it": what is to be removed was named before.
_MINE = frozenset("my mi m ni na number nomba lambata sim line phone".split())
_REQUEST_BEFORE = "PMnTKoq"


def asks_to_stop(clause: str, said: set[str]) -> bool:
    """Whether a request to stop begins somewhere in a clause and runs to its end."""
    if THREATS & said and (("K" in clause and _AGAIN.match(clause)) or _UNLESS.match(clause)):
        return True
    if THREATS & said and _US & said and _IF_GOES_ON.match(clause):
        return True
    if _TIRES.match(clause) or (WANTED & said and _NOT_HERE.fullmatch(clause)):
        return True
    return any(
        _REQUESTS[letter](clause[:place], clause[place:], said)
        for place, letter in enumerate(clause)
        if letter in _REQUESTS
    )


# Each is told what stands before a core in its clause, the core with what follows, and the words
# of the whole text.


def says_enough(letters: list[str], said: set[str]) -> bool:
    """Enough: of what we do, when nothing else is spoken of."""
    known = all(map(_OF_US.fullmatch, letters)) and not AFFAIRS & said
    enough = [one for one in letters if "e" in one]
    return known and bool(enough) and all(map(_ENOUGH.fullmatch, enough))


def _stops(before: str, core: str, said: set[str]) -> bool:
    """Stop, unsubscribe."""
    alone = not has(core[1:], "MnTsVg")
    if {"them", "these"} & said and MESSAGES & said and _STOP_THEM.match(core):
        return all_in(before, FRONT) and not _NEGATED.search(before)
    if alone and NETWORKS & said:
        return False
    in_fun = JOKES & said and not has(before, "P")
    if alone and ((AFFAIRS & said and not ONESELF & said) or in_fun):
        return False
    # "We live in Canada now stop texting us" has no full stop.
    runs_on = not alone and before.endswith("X") and not AFFAIRS & said
    if not (_may_follow(before, core) or (runs_on and _is_ours(core))):
        return False
    return bool(_STOP.match(core) or _STOP_TO_ME.match(core)) or _is_about(core)


def _ends(before: str, core: str, said: set[str]) -> bool:
    """End, cancel; but not "this is the end"."""
    meant = has(core, "MnTsVg") or (all_in(before, "P") and not FIGURES & said)
    meant = meant or has(before, "Wk")
    return meant and _may_follow(before, core) and bool(_END.match(core))


def _removes(before: str, core: str, said: set[str]) -> bool:
    """Remove my number; or "it", when the number was named before."""
    has_it_done = "have" in said and before.endswith("n")
    if DONE & said and not (WANTED & said or has_it_done):
        return False
    meant = has(core, "MnTsVg") or all_in(before, "P") or has(before, "nW") or _MINE & said
    return bool(meant) and _may_follow(before, core) and bool(_REMOVE.match(core))


def _leaves(before: str, core: str, said: set[str]) -> bool:
    if core == "L":
        return all_in(before, "P")
    return _may_follow(before, core) and bool(_LEAVE.match(core))


def _takes_off(before: str, core: str, said: set[str]) -> bool:
    if _TAKE_IT_OFF.match(core) and _MINE & said and all_in(before, "P"):
        return True
    return _may_follow(before, core) and bool(_TAKE_OFF.match(core))


def _gets_off(before: str, core: str, said: set[str]) -> bool:
    if said in ({"off"}, {"out"}) or (all_in(before, "P") and _OFF_MINE.match(core)):
        return True
    return "W" in before and _may_follow(before, core) and bool(_OFF.match(core))


def _refuses(before: str, core: str, said: set[str]) -> bool:
    """Don't send, I don't want."""
    if _DONT_WANT.match(core) or _DONT_WANT_HERE.match(core):
        return _is_ours(core) or bool({"them", "these"} & said and MESSAGES & said)
    if not has(core, "MnK") and (FOR_NOW & said or _is_lack(before, core, said)):
        return False
    said_whom = has(core[2:], "Mn")
    if not (_DONT_SEND.match(core) or (said_whom and _is_about(core))):
        return False
    to_us = "us" in said and "K" in core
    if "O" in core and not (to_us or said_whom or has(core[core.index("O") :], "Ts")):
        # "Don't call the meeting".
        return False
    if before.endswith("U"):
        # "You no call me" is a complaint, "make you no call me" a request.
        begged = "P" in before and "K" in core and "U" not in before[:-1]
        return all_in(before, FRONT + "O") and (before.endswith("kU") or begged)
    return all_in(before, FRONT + "O") or before.endswith("P")


def _is_lack(before: str, core: str, said: set[str]) -> bool:
    """ "No network", "no text": unlike "don't text" or "please no texts"."""
    return core.startswith("NT") and "no" in said and not has(before + core, "P")


def _forbids(before: str, core: str, said: set[str]) -> bool:
    """Igbo's one word for "don't send"."""
    return bool(_FORBIDS.match(core)) and all_in(before, FRONT)


def _is_last(before: str, core: str, said: set[str]) -> bool:
    """Let this be the last message."""
    return bool(_LAST.match(core)) and (bool(_LET.search(before)) or bool(_ORDERED & said))


def _asked_in_vain(before: str, core: str, said: set[str]) -> bool:
    """I have sent STOP twice."""
    return bool(IN_VAIN & said) and not MISTAKES & said and "w" not in before


def _is_tired(before: str, core: str, said: set[str]) -> bool:
    """Tired of your messages."""
    return all_in(before, FRONT) and bool(_TIRED.match(core))


#: Letter with which a core begins -> its rule.
_REQUESTS: dict[str, Callable[[str, str, set[str]], bool]] = {
    "S": _stops,
    "E": _ends,
    "R": _removes,
    "L": _leaves,
    "t": _takes_off,
    "g": _takes_off,
    "o": _gets_off,
    "N": _refuses,
    "d": _forbids,
    "l": _is_last,
    "h": _asked_in_vain,
    "Q": _is_tired,
}


def _may_follow(before: str, core: str) -> bool:
    """Whether a core may follow what stands before it, which says nothing or has come to an end.

    "This is not my SIM stop" has; "don't stop" and "they want to stop" have not.
    """
    if _NEGATED.search(before) or (before.startswith("w") and before[-1] != "P"):
        return False
    known = all_in(before, FRONT + "O") and _is_ours(before)
    return _is_ours(core) and (known or before[-1] in _REQUEST_BEFORE)


def _is_ours(core: str) -> bool:
    """ "Stop political messages" is about messages, "stop politics" is not."""
    return "O" not in core or has(core, "Tsg") or ("V" in core and has(core, "Mn"))


def _is_about(core: str) -> bool:
    found = _OURS_ABOUT.match(core)
    return found is not None and has(found[0], "MnT")


def all_in(letters: str, known: str) -> bool:
    return all(letter in known for letter in letters)


def has(letters: str, wanted: str) -> bool:
    return any(letter in wanted for letter in letters)
