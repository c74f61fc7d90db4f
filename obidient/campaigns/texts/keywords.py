"""STOP, START and HELP by what a text means, in the languages and manners in which people write.

A missed STOP is worse than a mistaken one, so politeness, anger and reasons around it are
overlooked. But it must have no object of its own other than our messages and the writer's number:
whoever wrote "Stop the violence in Jos" would otherwise never hear from us again.

A text is cut to clauses, and each word becomes the letter of its class in texts/words.py:
"please stop sending me messages" is PSsMT. The rules here are over such letters. Only a bounded
beginning is looked at, and no rule repeats what itself repeats, so that a hostile text costs no
more than a long one.
"""

import re
import unicodedata
from collections.abc import Callable

from obidient.campaigns.text import plain_spelling
from obidient.campaigns.texts.phrases import PHRASES
from obidient.campaigns.texts.words import AFFAIRS, BREAKS, CLASSES, ONESELF

#: A longer text is no keyword: somebody has something to say.
MOST_CHARACTERS = 480
MOST_WORDS = 60
_LONGEST_WORD = 24
_LONGEST_PHRASE = 4

_WORDS: dict[str, str] = {}
for _letter, _words in CLASSES.items():
    for _word in _words.split():
        _WORDS.setdefault(_word, _letter)
#: What a long word becomes when one letter is missing -> its class: `unsuscribe`, `mesages`.
_SLIPS: dict[str, str] = {}
for _word, _letter in _WORDS.items():
    if _letter in "STRGsg" and len(_word) > 5:
        for _place in range(1, len(_word)):
            _SLIPS.setdefault(_word[:_place] + _word[_place + 1 :], _letter)

_CLAUSE_END = re.compile(r"[.!?;:,()\n/|~]+|\s[-*]+\s|--+")
_N_BEFORE = re.compile(r"\bn'")
_DOTTED = re.compile(r"\b([a-z])\.(?=[a-z]\b)")
_WORD = re.compile(r"[a-z0-9]+")
#: "Make I rest", "how do I stop this": the sentence goes on.
_BEFORE_I = [
    [word] for word in ("make", "do", "did", "can", "could", "should", "may", "how", "will")
]
_LONG_RUN = re.compile(r"(.)\1\1+")
_RUN = re.compile(r"(.)\1+")
_DIGITS = str.maketrans("01345", "oieas")

# -- the rules, over the letters of a clause ---------------------------------------------------

#: Says nothing that counts, in front of a request and behind one.
_FRONT = "PFpUWMnTVsgKQkyfEtA"
_BEHIND = "PFpUWMnTVsgKkyftoSERLN"
#: A core, what may follow it up to the clause's end, and what may stand right before it where
#: the clause begins with words that we don't know.
_STOP = re.compile(rf"S[{_BEHIND}O]*$")
_END = re.compile(rf"E[{_BEHIND}O]*$")
_REMOVE = re.compile(rf"R[{_BEHIND}O]*$")
_LEAVE = re.compile(r"L[FpU]*M[PFpUMnTKNL]*$")
_TAKE_OFF = re.compile(
    rf"[tg][FpP]*[Mn][FpMn]*o[{_BEHIND}]*$|[tg][FpP]*o[FpPOU]*[Mn][{_BEHIND}O]*$"
)
_DONT_SEND = re.compile(
    rf"N[FpUKPkM]{{0,4}}(?:[sT][{_BEHIND}O]*|[VA][{_BEHIND}O]*[MnTK][{_BEHIND}O]*)$"
)
_DONT_WANT = re.compile(r"N[FpKU]{0,3}W[PFpUMnTsgKVkyO]*$")
#: The object is ours, and what follows only says which, when or where.
_OURS_ABOUT = re.compile(r"[SN][FpPUKkM]{0,4}[sTV][FpPOMUK]*(?:[MnT][FpPMnTKU]*)?p")
_TIRED = re.compile(rf"Q[FpPMnUO]*[sT][{_BEHIND}O]*$")
_IF_AGAIN = re.compile(r"f[FpU]*[sT][PFpUMnTO]*K[PFpUMnTK]*$")
_NEGATED = re.compile(r"[Nc][FpUWk]{0,2}$")
#: "Who gave you my number? Remove it": what is to be removed was named before.
_MINE = frozenset("my mi m ni na number nomba lambata".split())
_REQUEST_BEFORE = "PMnTKo"


def keyword(text: str) -> str:
    """`stop`, `start` or `help` when a text means that; else an empty string."""
    if len(text) > MOST_CHARACTERS:
        return ""
    clauses = _clauses(text)
    if not clauses or sum(map(len, clauses)) > MOST_WORDS:
        return ""
    letters = [_letters(words) for words in clauses]
    said = {word for words in clauses for word in words}
    starts = [_asks_to_start(one) for one in letters]
    if any(_asks_to_stop(one, said) for one in letters):
        return "" if any(starts) else "stop"
    if any(starts) and (_nothing_else(letters, starts) or _is_full(letters, starts)):
        return "start"
    helps = [_asks_for_help(one) for one in letters]
    if any(helps) and _nothing_else(letters, helps):
        return "help"
    return ""


def _clauses(text: str) -> list[list[str]]:
    """The words of each clause, in one spelling."""
    plain = unicodedata.normalize("NFKD", plain_spelling(text))
    # Igbo's n'ozi is two words, English don't one.
    spoken = _N_BEFORE.sub("n ", plain.casefold()).replace("'", "").replace("&", " and ")
    spoken = "".join(one for one in spoken if not unicodedata.combining(one))
    spoken = _DOTTED.sub(r"\1 ", spoken)
    found: list[list[str]] = []
    for part in _CLAUSE_END.split(spoken):
        words: list[str] = []
        for word in map(_spelt, _WORD.findall(part)):
            # "Stop I don't want this": nobody sets the full stop.
            begins = word in BREAKS or (word in ("i", "im") and words[-1:] not in _BEFORE_I)
            if words and begins:
                found.append(words)
                words = []
            if word not in BREAKS:
                words.append(word)
        found.append(words)
    return [words for words in found if words]


def _spelt(word: str) -> str:
    """`stoooop` and `st0p` are `stop`; a number stays a number."""
    word = word[:_LONGEST_WORD]
    if not word.isdigit():
        word = word.translate(_DIGITS) if word not in _WORDS else word
    return _LONG_RUN.sub(r"\1", word)


def _letters(words: list[str]) -> str:
    """The classes of a clause's words; phrases count as one."""
    found, place = [], 0
    while place < len(words):
        for length in range(min(_LONGEST_PHRASE, len(words) - place), 0, -1):
            phrase = PHRASES.get(" ".join(words[place : place + length]))
            if phrase is not None:
                found.append(phrase)
                place += length
                break
        else:
            found.append(_letter_of(words[place]))
            place += 1
    return "".join(found)


def _letter_of(word: str) -> str:
    if word.isdigit():
        return "F"
    known = _WORDS.get(word) or _WORDS.get(_RUN.sub(r"\1", word))
    if known or len(word) < 5:
        return known or "X"
    fewer = (word[:place] + word[place + 1 :] for place in range(len(word)))
    # "Sendng" is sending; "spending", which has another letter, is not.
    slips = (found for found in map(_SLIPS.get, fewer) if found and found not in "sg")
    return _SLIPS.get(word) or next(slips, "X")


def _asks_to_stop(clause: str, said: set[str]) -> bool:
    """Whether a request to stop begins somewhere in a clause and runs to its end."""
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
    if alone and AFFAIRS & said and not ONESELF & said:
        return False
    # "We live in Canada now stop texting us" has no full stop.
    runs_on = not alone and before.endswith("X") and not AFFAIRS & said
    if not (_may_follow(before, core) or (runs_on and _is_ours(core))):
        return False
    return bool(_STOP.match(core)) or _is_about(core)


def _ends(before: str, core: str, said: set[str]) -> bool:
    """End, cancel; but not "this is the end"."""
    meant = _has(core, "MnTsVg") or _all_in(before, "P") or "W" in before
    return meant and _may_follow(before, core) and bool(_END.match(core))


def _removes(before: str, core: str, said: set[str]) -> bool:
    """Remove my number; or "it", when the number was named before."""
    meant = _has(core, "MnTsVg") or _all_in(before, "P") or _has(before, "nW") or _MINE & said
    return bool(meant) and _may_follow(before, core) and bool(_REMOVE.match(core))


def _leaves(before: str, core: str, said: set[str]) -> bool:
    if core == "L":
        return _all_in(before, "P")
    return _may_follow(before, core) and bool(_LEAVE.match(core))


def _takes_off(before: str, core: str, said: set[str]) -> bool:
    return _may_follow(before, core) and bool(_TAKE_OFF.match(core))


def _refuses(before: str, core: str, said: set[str]) -> bool:
    """Don't send, I don't want."""
    if _DONT_WANT.match(core):
        return _is_ours(core)
    if not (_DONT_SEND.match(core) or ("T" in core and _is_about(core))):
        return False
    if before.endswith("U"):
        # "You no call me" is a complaint, "make you no call me" a request.
        begged = "P" in before and "K" in core and "U" not in before[:-1]
        return _all_in(before, _FRONT + "O") and (before.endswith("kU") or begged)
    return _all_in(before, _FRONT + "O") or before.endswith("P")


def _is_tired(before: str, core: str, said: set[str]) -> bool:
    """Tired of your messages."""
    return _all_in(before, _FRONT) and bool(_TIRED.match(core))


def _threatens(before: str, core: str, said: set[str]) -> bool:
    """If you text me again."""
    return bool(_IF_AGAIN.match(core))


#: Letter with which a core begins -> its rule.
_REQUESTS: dict[str, Callable[[str, str, set[str]], bool]] = {
    "S": _stops,
    "E": _ends,
    "R": _removes,
    "L": _leaves,
    "t": _takes_off,
    "g": _takes_off,
    "N": _refuses,
    "Q": _is_tired,
    "f": _threatens,
}


def _may_follow(before: str, core: str) -> bool:
    """Whether a core may follow what stands before it, which says nothing or has come to an end.

    "This is not my SIM stop" has; "don't stop" and "they want to stop" have not.
    """
    if _NEGATED.search(before):
        return False
    return _is_ours(core) and (_all_in(before, _FRONT) or before[-1] in _REQUEST_BEFORE)


def _is_ours(core: str) -> bool:
    """ "Stop political messages" is about messages, "stop politics" is not."""
    return "O" not in core or _has(core, "TsVg")


def _is_about(core: str) -> bool:
    found = _OURS_ABOUT.match(core)
    return found is not None and _has(found[0], "MnT")


def _has(letters: str, wanted: str) -> bool:
    return any(letter in wanted for letter in letters)


def _asks_to_start(clause: str) -> bool:
    if "N" in clause or "c" in clause:
        return False
    return bool(
        re.fullmatch(r"[PFpUWkyMnK]*G[PFpMnTsVgKUWOkG]*", clause)
        or re.fullmatch(r"[PFpUWky]*C[PFpMnUOK]*[sTg][PFpMnTsVgKUWO]*", clause)
        or re.fullmatch(r"[PFpUWkyK]*A[Fp]{0,2}[MnKs][PFpMnTKUsg]*", clause)
        or re.fullmatch(r"[PFp]*Uy[PFp]*[sTV][PFpMnTOU]*K[PFpMnTKU]*", clause)
        or ("K" in clause and re.fullmatch(r"[PFpkf]*U[PFp]*W[PFpKU]*[sTg][PFpMnTOUsVgK]*", clause))
    )


def _asks_for_help(clause: str) -> bool:
    return bool(re.fullmatch(r"[PFpUWMkygK]*H[PFpMUKTH]*", clause))


def _nothing_else(letters: list[str], asked: list[bool]) -> bool:
    """Everything beside the request is politeness."""
    return all(
        is_asked or _all_in(clause, _FRONT) for clause, is_asked in zip(letters, asked, strict=True)
    )


def _is_full(letters: list[str], asked: list[bool]) -> bool:
    """ "I changed my mind, subscribe me again": it says whom, so more may be said beside it."""
    return any(
        is_asked and _has(clause, "MnTK") for clause, is_asked in zip(letters, asked, strict=True)
    )


def _all_in(letters: str, known: str) -> bool:
    return all(letter in known for letter in letters)
