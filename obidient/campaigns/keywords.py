"""STOP, START and HELP, in the languages and the manners in which people write them.

A missed STOP is worse than a mistaken one, so polite words and fillers around it are overlooked;
a longer sentence that merely begins with one ("Stop the violence in Jos") is not an opt-out.
"""

import re

from obidient.campaigns.text import plain_spelling

_STOP = frozenset(
    """
    stop stopall stopit unsubscribe end quit cancel optout remove delete dnd comot
    daina adaina tsaya duro daduro kwusi
    """.split()
)
_START = frozenset("start unstop subscribe resubscribe optin fara bere malite bido".split())
_HELP = frozenset("help info taimako iranlowo enyemaka".split())

#: Said around the word that counts: please, pronouns, what is to be stopped.
_FILLERS = frozenset(
    """
    please pls plz pl abeg ku e biko ejo jowo jor jare kindly dan allah don o oo ooo oh ah
    me my mine us i am want to from the this that these your you list number line phone name
    sending send sent message messages msg msgs sms text texts texting txt call calls calling
    all any again anymore more now it na dey for on at and obi obidient 2442
    """.split()
)
#: Sentences that hold no such word.
_NO_MORE = re.compile(
    r"(?:(?:please|pls|abeg|biko) )?(?:i )?(?:do not|don ?t|dont|never|no)(?: wan(?:t|na)?)?"
    r"(?: (?:to|ever|una|dey))* ?(?:send|text|txt|message|msg|sms|call|disturb|contact|receive)"
    r"(?: \w+){0,6}|no more(?: \w+){0,3}|(?:opt|take) (?:me )?(?:out|off)(?: \w+){0,4}"
)
_MOST_WORDS = 12


def keyword(text: str) -> str:
    """`stop`, `start` or `help` when a reply means that; else an empty string."""
    spoken = plain_spelling(text).casefold().replace("'", "")
    words = re.findall(r"[a-z0-9]+", spoken)
    if not words or len(words) > _MOST_WORDS:
        return ""
    if _NO_MORE.fullmatch(" ".join(words)):
        return "stop"
    # "opt out", "a daina", "da duro": written as one word or as two.
    told = [word for word in words if word not in _FILLERS]
    for meaning, known in (("stop", _STOP), ("start", _START), ("help", _HELP)):
        if told and (_all_in(told, known) or "".join(told) in known):
            return meaning
        if "".join(words) in known:
            return meaning
    return ""


def _all_in(words: list[str], known: frozenset[str]) -> bool:
    """ "STOP STOP" and "stop, quit" are as clear as one of them."""
    return all(word in known for word in words)
