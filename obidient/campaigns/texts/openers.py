"""Where a request begins within a clause: nobody sets a comma before "so stop" or "abeg comot me".

What stands before is a reason. It may be of any words, so what follows has to be a full request.
"""

import re
from collections.abc import Iterator

from obidient.campaigns.texts.words import AFFAIRS, CLASSES

#: A reason ends before these.
_THEREFORE = frozenset("so therefore then thus hence and lol".split())
#: A request begins with these: please, and those of whom something is asked.
_PLEASE = frozenset(
    """
    please pls plz plss pliz plse kindly abeg abegi abeggi ejoo biko bikonu jowo ejowo ejo jo jor
    joor jare dakun edakun respectfully
    """.split()
)
_ASKED = frozenset("unu kar kada karku kadaku una ku".split())
#: Pairs with which one begins.
_PAIRS = frozenset(
    f"{first} {second}"
    for first, followers in (
        ("make", "una you u e"),
        ("you", "must should"),
        ("a", "daina dena cire goge dakatar"),
        ("e", "ma yo fi pa da dawo duro dekun ye kuro jowo dakun"),
        ("don", "allah"),
        ("do", "not"),
    )
    for second in followers.split()
)
#: A verb begins one when it says of itself that it is about us: "Who are you stop texting me".
_VERBS = frozenset("stop desist cease refrain unsubscribe remove delete".split())
_NEGATIONS = frozenset("dont not never no kar kada why did".split())
#: Behind these it is no request, or one to somebody else: "they stop texting me".
_NOT_BEHIND = AFFAIRS | frozenset(
    """
    to they dem them him her we he she it i you u e not no dont never neva cant cannot wont couldnt
    will
    would did didnt does doesnt that who bus can could must should may might if tell told ask reply
    why what how when go want wants let made make kar kada ka
    """.split()
)

_POLITE = "|".join(CLASSES["P"].split())
_DOES = (
    "go|fit|can|do|take|will|should|need|have|must|press|click|type|reply|send|dial|text|use|call"
    "|to|se|le|maa|yi|ga|esi|enter|so|that|for|am|now"
)
#: "What do I press to", "is there a way to", "yaya zan yi": what follows is wanted.
_WAY = re.compile(
    rf"(?:(?:{_POLITE}) ){{0,4}}(?:i want to know |i wan know |tell me |show me |but )?"
    r"(?:"
    r"(?:how|hw|what|wetin|where|wia|wey|whr|which|bawo|yaya|kedu|olee)(?: \w+){0,3}?"
    rf" (?:i|person|mo|zan|m)(?: (?:{_DOES})){{0,6}}"
    r"|how to|whats the (?:code|number|way) to"
    r"|(?:how|where|wey|wia)? ?(?:is|be)? ?(?:there|the|get)? ?(?:is|a|any|the)? ?"
    r"(?:way|button|code|link|option)(?: (?:to|for|of|i|can|fit|me|take)){1,4}"
    r") "
)


def behind_way(words: list[str]) -> list[str]:
    """A clause without its "how do I" or "what do I press to": the rest is what is wanted."""
    said = " ".join(words) + " "
    found = _WAY.match(said)
    if not found:
        return words
    wanted = said[found.end() :].split()
    return ["want", *wanted] if wanted[:1] == ["be"] else wanted


def requests_within(words: list[str]) -> Iterator[tuple[list[str], bool]]:
    """What may be a request at the end of a clause, and whether it was begun with please."""
    for place in range(1, len(words)):
        word, before = words[place], words[place - 1]
        pair = " ".join(words[place : place + 2])
        joins = word in _THEREFORE or word in _PLEASE
        begins = word in _ASKED or word in _VERBS or pair in _PAIRS
        if (joins and before not in _NEGATIONS) or (begins and before not in _NOT_BEHIND):
            yield words[place:], word in _PLEASE or word == "so" or pair in _PAIRS
