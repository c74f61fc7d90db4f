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

from obidient.campaigns.texts.openers import behind_way, requests_within
from obidient.campaigns.texts.optout import FRONT, all_in, asks_to_stop, has, rule, says_enough
from obidient.campaigns.texts.questions import asks_of_us, asks_what, is_prayer
from obidient.campaigns.texts.reading import clauses_of, letters_of
from obidient.campaigns.texts.words import AFFAIRS, MESSAGES, MISTAKES, ONESELF, REGRETS, THREATS

#: A longer text is no keyword: somebody has something to say.
MOST_CHARACTERS = 480
MOST_WORDS = 60
_SHORT = 4

#: Start, subscribe me; resume the messages; add me; you can text me again; I want them.
_STARTS = (
    rule("[~UWkyMnKq]*G(?:[PFKUWkG]*|[~VgUWOkGC]*[MnTsK][~MnTsVgKUWOkG]*)"),
    rule("[~UWky]*C[~MnUOKV]*[sTg][~MnTsVgKUWO]*"),
    rule("[~UWkyK]*A[~]{0,2}[MnKs][~MnTKUsgC]*"),
    rule("[~]*(?:Uy|k[UM])[~]*[sTgV][~MnTOU]*K[~MnTKU]*"),
    rule("[~]*Uy[~]*[sT][~]*M[~T]*"),
    rule("[~kf]*U[~]*W[~KUCk]*[sTgV][~MnTOUsVgK]*K[~MnTOUsVgK]*"),
    rule("[~Uh]*W[~KUCkM]*(?:g[~MnOUK]*T|C?s[~]*M|T)[~MnTOUsVgK]*"),
    rule("[~]*U[~]*W[~]*(?:n[~]*)?K[~]*"),
)
#: Go on: said by somebody who takes back a STOP.
_GOES_ON = rule("[~UyWkK]*(?:[CGj]|sM)[~UKsTMngO]*")
#: "I want to call you": what somebody wants to do, not to get.
_DOES = re.compile(r"\b(?:(?:to|wan|go) (?:call|text|message|sms|msg)|call me)\b")
#: "Please stop", behind a reason.
_ALONE = rule("[~Uky]*[SL][~]*")
#: "Call me" beside "don't text" chooses the way, and ends nothing.
_REACH_ME = rule("[~U]*[sT]M[~]*")
#: I need help.
_HELP = rule("[~UWMkygKwTs]*H[~MnUKTHswyV]*")
#: Who is this?
_WHO = rule("[~UMnTy]*i[~MnUTsgH]*")


def keyword(text: str) -> str:
    """`stop`, `start` or `help` when a text means that; else an empty string."""
    if len(text) > MOST_CHARACTERS:
        return ""
    clauses = clauses_of(text)
    if not clauses or sum(map(len, clauses)) > MOST_WORDS:
        return ""
    letters = [letters_of(behind_way(words)) for words in clauses]
    said = {word for words in clauses for word in words}
    if any(map(_REACH_ME.fullmatch, letters)):
        said.add("instead")
    taken_back = bool((MISTAKES | REGRETS) & said) or any("h" in one for one in letters)
    starts = [_asks_to_start(*clause, taken_back) for clause in zip(letters, clauses, strict=True)]
    stops = any(asks_to_stop(one, said) for one in letters)
    stops = stops or any(_stops_within(words, said) for words in clauses)
    stops = stops or says_enough(letters, said)
    if stops and not (any(starts) and taken_back):
        # Both are asked for in so many words: a person has to see what is meant.
        begins = (has(one, "GCAK") for one, asked in zip(letters, starts, strict=True) if asked)
        return "" if any(begins) else "stop"
    is_plain = stops or taken_back or _nothing_else(letters, starts) or _is_full(letters, starts)
    if any(starts) and is_plain:
        return "start"
    if any(map(_WHO.fullmatch, letters)) or any(
        asks_of_us(words, "?" in text) for words in clauses
    ):
        return "help"
    helps = [_asks_for_help(*clause) for clause in zip(letters, clauses, strict=True)]
    return "help" if any(helps) and _nothing_else(letters, helps) else ""


def perhaps_stop(text: str) -> bool:
    """Whether a text that is no keyword speaks of stopping and of us: for a person to look at."""
    if len(text) > MOST_CHARACTERS or keyword(text):
        return False
    clauses = clauses_of(text)
    said = {word for words in clauses for word in words}
    letters = "".join(map(letters_of, clauses[:MOST_WORDS]))
    asks = has(letters, "SRLdQhEeo") or ("N" in letters and has(letters, "sTW"))
    asks = asks or bool(THREATS & said)
    if AFFAIRS & said:
        # The country is spoken of: only what names our messages as well may be meant for us.
        return asks and has(letters, "T")
    return asks and (has(letters, "MnT") or len(letters) <= _SHORT)


def _stops_within(words: list[str], said: set[str]) -> bool:
    """Whether a clause gives a reason first, and then asks to stop."""
    for request, is_begged in requests_within(words):
        clause = letters_of(request)
        alone = is_begged and bool(_ALONE.fullmatch(clause)) and not AFFAIRS & said
        is_full = has(clause, "MnTs") or (alone and bool((ONESELF | MESSAGES) & said))
        if is_full and asks_to_stop(clause, said):
            return True
    return False


def _asks_to_start(clause: str, words: list[str], taken_back: bool) -> bool:
    if has(clause, "Nc") or "who" in words:
        return False
    if taken_back and _GOES_ON.fullmatch(clause):
        return True
    if not has(clause, "GCAK") and _DOES.search(" ".join(words)):
        return False
    return any(rule.fullmatch(clause) for rule in _STARTS)


def _asks_for_help(clause: str, words: list[str]) -> bool:
    return (bool(_HELP.fullmatch(clause)) and not is_prayer(words)) or asks_what(words)


def _nothing_else(letters: list[str], asked: list[bool]) -> bool:
    """Everything beside the request is politeness."""
    return all(
        is_asked or all_in(clause, FRONT + "w")
        for clause, is_asked in zip(letters, asked, strict=True)
    )


def _is_full(letters: list[str], asked: list[bool]) -> bool:
    """ "I changed my mind, subscribe me again": it says whom, so more may be said beside it.

    Or it says that it is wanted: "start, I want to know what happens".
    """
    wanted = any(
        "W" in clause and not has(clause, "Nc")
        for clause, is_asked in zip(letters, asked, strict=True)
        if not is_asked
    )
    return any(
        is_asked and (has(clause, "MnTK") or has(clause, "C") or (wanted and "G" in clause))
        for clause, is_asked in zip(letters, asked, strict=True)
    )
