"""STOP, START and HELP, in the languages and the manners in which people write them.

A missed STOP is worse than a mistaken one, so polite words and fillers around it are overlooked.
But everything said has to be one of those. A sentence that merely begins like an opt-out ("Stop the
violence in Jos", "No more hunger") is none: whoever wrote it would never hear from us again.
"""

import re

from obidient.campaigns.text import plain_spelling

_STOP = frozenset(
    """
    stop stopall stopit stopp stp st0p unsubscribe unsub end quit cancel optout remove delete dnd
    comot daina adaina tsaya cire duro daduro kwusi wepu
    """.split()
)
_START = frozenset("start unstop subscribe resubscribe optin fara bere malite bido".split())
_HELP = frozenset("help info taimako iranlowo enyemaka".split())

#: Said around the word that counts: please, pronouns, what is to be stopped, when.
_FILLERS = frozenset(
    """
    please pls plz pl abeg ku ka e biko ejo jowo jor jare kindly dan allah don o oo ooo oh ah na
    oga sir ma ok okay yes make una me my mine us i am you your dis this that these it the of
    want need should to from on at for in again any anymore all ever more now immediately forever
    dey and list database group line phone name number service subscription broadcast with
    send sending sends sent call calls calling message messages messaging msg msgs sms text texts
    texting txt txts receive receiving get getting disturbing bothering spamming spam unsolicited
    promo promotional nonsense rubbish useless obi obidient 2442
    ni min mini turo aiko sako kira kirana lambata sunana m aha nomba izi izitere ozi
    """.split()
)
_POLITE = frozenset(
    "please pls plz abeg biko jowo ejo kindly oga sir ok okay and just make una you".split()
)
_NOT = r"(?:do not|don ?t|no|nor|never|mase)"
#: Sentences that hold no such word. Whatever follows one of these has to be fillers.
_ASKED = re.compile(
    # "Don't call me", "abeg no dey send"; but not "I no receive", which is a complaint.
    rf"{_NOT}(?: (?:ever|dey|again|una))* (?:send|text|txt|message|msg|sms|call|contact|disturb"
    r"|bother|spam)\b"
    # "I don't want to receive this".
    rf"|(?:i )?{_NOT}(?: longer)? (?:want|wan|wanna|need)(?: to)? (?:receive|get|hear|be|this|these"
    r"|it|am|your|any|the|again|more|message|messages|text|texts|sms|call|calls)\b"
    r"|no more\b|(?:opt|take) (?:me|my (?:name|number)|this number) (?:off|out)\b|opt out\b"
    r"|leave me(?: alone)?\b|(?:e )?ma (?:se )?(?:pe|ranse si) mi(?: mo)?\b"
    r"|mase pe mi\b|yo (?:oruko |nomba )?mi kuro\b"
)
_MOST_WORDS = 12


def keyword(text: str) -> str:
    """`stop`, `start` or `help` when a reply means that; else an empty string."""
    spoken = plain_spelling(text).casefold().replace("'", "")
    words = re.findall(r"[a-z0-9]+", spoken)
    if not words or len(words) > _MOST_WORDS:
        return ""
    if _asks_to_stop(words):
        return "stop"
    # "opt out", "a daina", "da duro": written as one word or as two.
    told = [word for word in words if word not in _FILLERS]
    for meaning, known in (("stop", _STOP), ("start", _START), ("help", _HELP)):
        if told and (_all_in(told, known) or "".join(told) in known):
            return meaning
        if "".join(words) in known:
            return meaning
    return ""


def _asks_to_stop(words: list[str]) -> bool:
    """Whether a sentence without the word STOP says nothing but that."""
    start = 0
    while start < len(words) and words[start] in _POLITE:
        start += 1
    if words[:start] in (["you"], ["una"]):
        # "You no call me" is a complaint, "make you no call me" a request.
        return False
    found = _ASKED.match(" ".join(words[start:]))
    if found is None:
        return False
    rest = " ".join(words[start:])[found.end() :].split()
    return _all_in(rest, _FILLERS)


def _all_in(words: list[str], known: frozenset[str]) -> bool:
    """ "STOP STOP" and "stop, quit" are as clear as one of them."""
    return all(word in known for word in words)
