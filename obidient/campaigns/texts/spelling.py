"""Brings words nearer to those the rules know: one slip of a thumb, or a space left out.

A word is only taken for a slip when nothing else is written so: texts/ordinary.py has the words
that are one letter away from ours and mean something of their own.
"""

from functools import lru_cache

from obidient.campaigns.texts.ordinary import ORDINARY
from obidient.campaigns.texts.paradigms import igbo
from obidient.campaigns.texts.phrases import PHRASES
from obidient.campaigns.texts.words import AFFAIRS, BREAKS, CLASSES, STEMS, THREATS

_SHORTEST = 4
_MOST_PARTS = 5

#: Word -> the letter of its class; words of phrases have none.
_KNOWN = {word: "" for phrase in PHRASES for word in phrase.split() if len(word) > 1}
_KNOWN |= dict.fromkeys(AFFAIRS | BREAKS | THREATS, "")
for _letter, _words in reversed(CLASSES.items()):
    _KNOWN |= dict.fromkeys(_words.split(), _letter)
#: One of these at least is among words that were run together.
_CORES = frozenset(
    word for letter in "SRLNsTn" for word in CLASSES[letter].split() if len(word) >= _SHORTEST
)


def _shorter(word: str) -> set[str]:
    return {word[:place] + word[place + 1 :] for place in range(len(word))}


#: What a known word may look like with a letter less -> the words.
_NEAR: dict[str, list[str]] = {}
for _word in _KNOWN:
    if len(_word) >= _SHORTEST:
        for _form in _shorter(_word) | {_word}:
            _NEAR.setdefault(_form, []).append(_word)


@lru_cache(4096)
def respelt(word: str) -> tuple[str, ...]:
    """The words that were meant: `numebr` is number, `stopsending` is two words."""
    known = word in _KNOWN or word in ORDINARY or word.isdigit() or igbo(word)
    if known or len(word) < _SHORTEST or word.startswith(tuple(STEMS)):
        return (word,)
    near = [one for form in _shorter(word) | {word} for one in _NEAR.get(form, ())]
    meant = min((one for one in near if _is_slip(word, one)), key=_rank, default=None)
    if meant:
        return (meant,)
    return tuple(_parted(word, _MOST_PARTS)) or (word,)


def _rank(word: str) -> tuple[int, str]:
    """The more a class decides, the later it is guessed."""
    return -"SRLNsTngWKQPF".find(_KNOWN[word] or "F"), word


def _is_slip(word: str, known: str) -> bool:
    """Whether one letter was left out, added, changed, or two were exchanged."""
    if word[0] != known[0] and sorted(word[:2]) != sorted(known[:2]):
        return False
    if len(word) != len(known):
        # Few letters say too little: "stope", but not "stops", might be anything.
        return max(len(word), len(known)) > _SHORTEST + (len(word) > len(known))
    places = [at for at, letter in enumerate(word) if letter != known[at]]
    if len(places) == 2:
        first, second = places
        crossed = word[first] == known[second] and word[second] == known[first]
        return crossed and second == first + 1
    return len(places) == 1 and len(word) > _SHORTEST


def _parted(word: str, most: int) -> list[str]:
    """A run of known words, one of which decides; or nothing."""
    parts = _run(word, most)
    return parts if len(parts) > 1 and _CORES & set(parts) else []


def _run(word: str, most: int) -> list[str]:
    if not word or not most:
        return []
    if word in _KNOWN:
        return [word]
    for length in range(len(word) - 2, 1, -1):
        if word[:length] in _KNOWN:
            rest = _run(word[length:], most - 1)
            if rest:
                return [word[:length], *rest]
    return []
