"""STOP, START and HELP by what a text means, in the languages and manners in which people write.

A missed STOP is worse than a mistaken one, so politeness, anger and reasons around it are
overlooked. But it must have no object of its own other than our messages and the writer's number:
whoever wrote "Stop the violence in Jos" would otherwise never hear from us again.

A text is cut to clauses, and each word becomes the letter of its class (texts/reading.py): "please
stop sending me messages" is PSsMT. The rules here are over such letters. What is longer
than MOST_CHARACTERS is not looked at, and no rule repeats what itself repeats, so that a hostile
text costs no more than a long one.
"""

import re
from collections.abc import Callable

from obidient.campaigns.texts.questions import asks_what, asks_who, asks_why, is_prayer
from obidient.campaigns.texts.reading import clauses_of, letters_of
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

#: A longer text is no keyword: somebody has something to say.
MOST_CHARACTERS = 480
MOST_WORDS = 60
_SHORT = 4

# -- the rules, over the letters of a clause ---------------------------------------------------

#: Says nothing that counts: in front of a request, behind one.
_FRONT = "PFpUWMnTVsgKQkyfEtAq"
_BEHIND = "PFpUWMnTVsgKkyftoSERLNq"


def _rule(letters: str) -> re.Pattern[str]:
    """A pattern in which `~` is politeness and fillers, and `*` all that may stand behind."""
    return re.compile(letters.replace("~", "PFp").replace("[*]", f"[{_BEHIND}O]*"))


#: Stop; end, cancel; remove my number.
_STOP, _END, _REMOVE = _rule("S[*]$"), _rule("E[*]$"), _rule("R[*]$")
#: Leave me alone.
_LEAVE = _rule("Ln?M[~UMnTKNLs]*$")
#: Take my number off, take off my number.
_TAKE_OFF = _rule("[tg][~]*[Mn][~Mn]*o[*]$|[tg][~]*o[~OU]*[Mn][*]$")
#: Don't send me messages, don't trouble me.
_DONT_SEND = _rule("N[~UKkM]{0,4}(?:[sT][*]|[VA][*][MnTK][*])$|N[~UK]*sM[~O]*T|Ns?[~]*T.?s[~]*M")
#: Igbo: one word for "don't send".
_FORBIDS = _rule("d(?:[*]$|M)")
#: I don't want your messages.
_DONT_WANT = _rule("N[~KU]{0,3}W[~UMnTsgKkyOC]*$")
#: Tired of your messages; your messages are annoying.
_TIRED = _rule("Q[~MnUO]*[sT][*]$")
_TIRES = _rule("[~UO]*T[~U]*(?:M?[~]*Q|sM)[~MK]*$")
#: Let this be the last message.
_LAST = _rule("k[~U]*l[~U]*[sT][~UMnTsO]*$")
#: Text me again (and I will sue).
_AGAIN = _rule("[~UfK]*[sTgV][~UMnTOKsV]*(?:$|MKU)")
#: (I will block you) if you don't stop.
_UNLESS = _rule("(?:fUN|U)S[*]$")
_STOP_THEM = _rule("[SE][~]*O[~]*$")
#: Stop texting me about: what follows only says which, when or where.
_OURS_ABOUT = _rule("[SN][~UKkM]{0,4}[sTV][~OMUK]*(?:[MnT][~MnTKU]*)?p")
#: Stop sending me whatever it is; stop filling my inbox, stop sending things to my phone.
_STOP_TO_ME = _rule("S[~]*(?:s[~]*M|[sX][~oXO]{0,4}Mn[*]$)")
#: I want to be off this list.
_OFF = _rule("o[~]*n[*]$")
#: Don't stop; but "bana so, ku daina" (I don't want, stop) gives the reason.
_NEGATED = _rule("[Nc](?:[FpUWk]{0,4}|q)$")
#: Start, subscribe me; resume the messages; add me; you can text me again; I want them again.
_STARTS = (
    _rule("[~UWkyMnKq]*G(?:[PFKUWkG]*|[~VgUWOkG]*[MnTsK][~MnTsVgKUWOkG]*)"),
    _rule("[~UWky]*C[~MnUOKV]*[sTg][~MnTsVgKUWO]*"),
    _rule("[~UWkyK]*A[~]{0,2}[MnKs][~MnTKUsg]*"),
    _rule("[~]*(?:Uy|k[UM])[~]*[sTgV][~MnTOU]*K[~MnTKU]*"),
    _rule("[~kf]*U[~]*W[~KUCk]*[sTgV][~MnTOUsVgK]*"),
    _rule("[~]*U[~]*W[~]*K[~]*"),
)
#: "Call me" beside "don't text" chooses the way, and ends nothing.
_REACH_ME = _rule("[~U]*[sT]M[~]*")
#: My number should not be on your list.
_NOT_HERE = _rule("[~UO]*Mn[~]*N[~]*(?:p[~]*n|Mn)[~]*")
#: I need help.
_HELP = _rule("[~UWMkygKwTs]*H[~MnUKTHswyV]*")
#: Who is this?
_WHO = _rule("[~UMnTy]*i[~MnUTsgH]*")
#: "Who gave you my number? Remove it": what is to be removed was named before.
_MINE = frozenset("my mi m ni na number nomba lambata".split())
_REQUEST_BEFORE = "PMnTKoq"


def keyword(text: str) -> str:
    """`stop`, `start` or `help` when a text means that; else an empty string."""
    if len(text) > MOST_CHARACTERS:
        return ""
    clauses = clauses_of(text)
    if not clauses or sum(map(len, clauses)) > MOST_WORDS:
        return ""
    letters = [letters_of(words) for words in clauses]
    said = {word for words in clauses for word in words}
    if any(map(_REACH_ME.fullmatch, letters)):
        said.add("instead")
    starts = [_asks_to_start(one) for one in letters]
    stops = any(_asks_to_stop(one, said) for one in letters)
    taken_back = MISTAKES & said or any("h" in one for one in letters)
    if stops and not (any(starts) and taken_back):
        # Both are asked for: a person has to see what is meant.
        return "" if any(starts) else "stop"
    if any(starts) and (stops or _nothing_else(letters, starts) or _is_full(letters, starts)):
        return "start"
    helps = [_asks_for_help(*clause) for clause in zip(letters, clauses, strict=True)]
    if any(map(_WHO.fullmatch, letters)) or any(map(asks_who, clauses)):
        return "help"
    return "help" if any(helps) and _nothing_else(letters, helps) else ""


def perhaps_stop(text: str) -> bool:
    """Whether a text that is no keyword speaks of stopping and of us: for a person to look at."""
    if len(text) > MOST_CHARACTERS or keyword(text):
        return False
    clauses = clauses_of(text)
    if AFFAIRS & {word for words in clauses for word in words}:
        return False
    letters = "".join(map(letters_of, clauses[:MOST_WORDS]))
    asks = _has(letters, "SRLdQhE") or ("N" in letters and _has(letters, "sTW"))
    return asks and (_has(letters, "MnT") or len(letters) <= _SHORT)


def _asks_to_stop(clause: str, said: set[str]) -> bool:
    """Whether a request to stop begins somewhere in a clause and runs to its end."""
    if THREATS & said and (("K" in clause and _AGAIN.match(clause)) or _UNLESS.match(clause)):
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


def _stops(before: str, core: str, said: set[str]) -> bool:
    """Stop, unsubscribe."""
    alone = not _has(core[1:], "MnTsVg")
    if {"them", "these"} & said and MESSAGES & said and _STOP_THEM.match(core):
        return _all_in(before, _FRONT) and not _NEGATED.search(before)
    if alone and NETWORKS & said:
        return False
    if alone and ((AFFAIRS & said and not ONESELF & said) or JOKES & said):
        return False
    # "We live in Canada now stop texting us" has no full stop.
    runs_on = not alone and before.endswith("X") and not AFFAIRS & said
    if not (_may_follow(before, core) or (runs_on and _is_ours(core))):
        return False
    return bool(_STOP.match(core) or _STOP_TO_ME.match(core)) or _is_about(core)


def _ends(before: str, core: str, said: set[str]) -> bool:
    """End, cancel; but not "this is the end"."""
    meant = _has(core, "MnTsVg") or (_all_in(before, "P") and not FIGURES & said)
    meant = meant or _has(before, "Wk")
    return meant and _may_follow(before, core) and bool(_END.match(core))


def _removes(before: str, core: str, said: set[str]) -> bool:
    """Remove my number; or "it", when the number was named before."""
    has_it_done = "have" in said and before.endswith("n")
    if DONE & said and not (WANTED & said or has_it_done):
        return False
    meant = _has(core, "MnTsVg") or _all_in(before, "P") or _has(before, "nW") or _MINE & said
    return bool(meant) and _may_follow(before, core) and bool(_REMOVE.match(core))


def _leaves(before: str, core: str, said: set[str]) -> bool:
    if core == "L":
        return _all_in(before, "P")
    return _may_follow(before, core) and bool(_LEAVE.match(core))


def _takes_off(before: str, core: str, said: set[str]) -> bool:
    return _may_follow(before, core) and bool(_TAKE_OFF.match(core))


def _gets_off(before: str, core: str, said: set[str]) -> bool:
    return "W" in before and _may_follow(before, core) and bool(_OFF.match(core))


def _refuses(before: str, core: str, said: set[str]) -> bool:
    """Don't send, I don't want."""
    if _DONT_WANT.match(core):
        return _is_ours(core)
    if not _has(core, "MnK") and (FOR_NOW & said or _is_lack(before, core, said)):
        return False
    said_whom = _has(core[2:], "Mn")
    if not (_DONT_SEND.match(core) or (said_whom and _is_about(core))):
        return False
    if "O" in core and not (said_whom or _has(core[core.index("O") :], "Ts")):
        # "Don't call the meeting".
        return False
    if before.endswith("U"):
        # "You no call me" is a complaint, "make you no call me" a request.
        begged = "P" in before and "K" in core and "U" not in before[:-1]
        return _all_in(before, _FRONT + "O") and (before.endswith("kU") or begged)
    return _all_in(before, _FRONT + "O") or before.endswith("P")


def _is_lack(before: str, core: str, said: set[str]) -> bool:
    """ "No network", "no text": unlike "don't text" or "please no texts"."""
    return core.startswith("NT") and "no" in said and not _has(before + core, "P")


def _forbids(before: str, core: str, said: set[str]) -> bool:
    """Igbo's one word for "don't send"."""
    return bool(_FORBIDS.match(core)) and _all_in(before, _FRONT)


def _is_last(before: str, core: str, said: set[str]) -> bool:
    """Let this be the last message."""
    return bool(_LAST.match(core))


def _asked_in_vain(before: str, core: str, said: set[str]) -> bool:
    """I have sent STOP twice."""
    return bool(IN_VAIN & said) and not MISTAKES & said and "w" not in before


def _is_tired(before: str, core: str, said: set[str]) -> bool:
    """Tired of your messages."""
    return _all_in(before, _FRONT) and bool(_TIRED.match(core))


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
    "k": _is_last,
    "h": _asked_in_vain,
    "Q": _is_tired,
}


def _may_follow(before: str, core: str) -> bool:
    """Whether a core may follow what stands before it, which says nothing or has come to an end.

    "This is not my SIM stop" has; "don't stop" and "they want to stop" have not.
    """
    if _NEGATED.search(before) or (before.startswith("w") and before[-1] != "P"):
        return False
    known = _all_in(before, _FRONT + "O") and _is_ours(before)
    return _is_ours(core) and (known or before[-1] in _REQUEST_BEFORE)


def _is_ours(core: str) -> bool:
    """ "Stop political messages" is about messages, "stop politics" is not."""
    return "O" not in core or _has(core, "Tsg") or ("V" in core and _has(core, "Mn"))


def _is_about(core: str) -> bool:
    found = _OURS_ABOUT.match(core)
    return found is not None and _has(found[0], "MnT")


def _has(letters: str, wanted: str) -> bool:
    return any(letter in wanted for letter in letters)


def _asks_to_start(clause: str) -> bool:
    if _has(clause, "Nc") or not _has(clause, "GCAK"):
        return False
    return any(rule.fullmatch(clause) for rule in _STARTS)


def _asks_for_help(clause: str, words: list[str]) -> bool:
    asked = asks_what(words) or asks_why(words)
    return (bool(_HELP.fullmatch(clause)) and not is_prayer(words)) or asked


def _nothing_else(letters: list[str], asked: list[bool]) -> bool:
    """Everything beside the request is politeness."""
    return all(
        is_asked or _all_in(clause, _FRONT + "w")
        for clause, is_asked in zip(letters, asked, strict=True)
    )


def _is_full(letters: list[str], asked: list[bool]) -> bool:
    """ "I changed my mind, subscribe me again": it says whom, so more may be said beside it."""
    return any(
        is_asked and _has(clause, "MnTK") for clause, is_asked in zip(letters, asked, strict=True)
    )


def _all_in(letters: str, known: str) -> bool:
    return all(letter in known for letter in letters)
