"""Reads a text as clauses of words, and each word as the letter of its class in texts/words.py."""

import re
from itertools import chain

from obidient.campaigns.text import plain_spelling
from obidient.campaigns.texts.ordinary import ORDINARY
from obidient.campaigns.texts.paradigms import igbo
from obidient.campaigns.texts.phrases import PHRASES
from obidient.campaigns.texts.spelling import respelt
from obidient.campaigns.texts.words import (
    BREAKS,
    CLASSES,
    STEMS,
    STOP_ENDS,
)
from obidient.letters import without_marks

_LONGEST_WORD = 24
_LONGEST_END = 2

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

_VOWEL = re.compile("[aeiou]")
#: The consonants of a word -> the words that have them, for `remv`, `snding` and `mssge`.
_CONSONANTS: dict[str, list[str]] = {}
for _word, _letter in _WORDS.items():
    _bare = _VOWEL.sub("", _word)
    if _letter in "NSRTKgsn" and len(_word) > 4 and len(_bare) > 2:
        _CONSONANTS.setdefault(_bare, []).append(_word)

#: First word of a phrase -> words of the longest that begins so.
_REACH: dict[str, int] = {}
for _words in PHRASES:
    _first, _count = _words.split()[0], len(_words.split())
    _REACH[_first] = max(_count, _REACH.get(_first, 0))

_CLAUSE_END = re.compile(r"[.!?;:,()\n/|~]+|\s[-*]+\s|--+")
_N_BEFORE = re.compile(r"\bn'")
_DOTTED = re.compile(r"\b([a-z])\.(?=[a-z]\b)")
#: Us, not the people of the country.
_YOU_PEOPLE = re.compile(r"\b(?:you|u|una|these|yeye|useless|foolish|stupid|mumu|mad)\s+people\b")
_SPACES = re.compile(r" {2,}")
#: A purpose or a law behind a request.
_PURPOSE = re.compile(
    r"\b(?:so that|in (?:line|accordance) with|according to|as per|make i (?:fit|dey)"
    r"|so i can|due to|(?<!kedu )ka m (?=nwe|zu|hi|nw)|ki n le|domin in)\b"
)
_WORD = re.compile(r"[a-z0-9]+")
#: "Make I rest", "how do I stop this": the sentence goes on.
_BEFORE_I = frozenset(
    """
    what wetin wat who how make do did can could should may will if am said say that think
    thought know where wia wey whr which button number fit
    """.split()
)
_NOT_ON = re.compile("N([FU]{0,2})C")
_LONG_RUN = re.compile(r"(.)\1\1+")
_RUN = re.compile(r"(.)\1+")
_DIGITS = str.maketrans("01345", "oieas")


def clauses_of(text: str) -> list[list[str]]:
    """The words of each clause, in one spelling."""
    # Without marks first: one that stands before an n would look like the begin of a word.
    plain = without_marks(plain_spelling(text)).casefold()
    # Igbo's n'ozi is two words, English don't one.
    spoken = _N_BEFORE.sub("n ", plain).replace("'", "").replace("&", " and ")
    spoken = _YOU_PEOPLE.sub("you", _DOTTED.sub(r"\1 ", spoken))
    spoken = _SPACES.sub(" ", spoken)
    spoken = _PURPOSE.sub(r"; \g<0>", spoken)
    found: list[list[str]] = []
    for part in _CLAUSE_END.split(spoken):
        words: list[str] = []
        said = (respelt(_spelt(word)) for word in _WORD.findall(part))
        for word in chain.from_iterable(said):
            # "Stop I don't want this": nobody sets the full stop.
            goes_on = word not in ("i", "im") or words[-1:] == [] or words[-1] in _BEFORE_I
            # Nor in "I am not interested stop".
            goes_on &= words[-1:] != ["interested"] or _WORDS.get(word) not in ("S", "R")
            # Hausa's "yaya zan yi" (how shall I do it) is one question.
            breaks = word in BREAKS and words[-1:] != ["yaya"]
            if words and (breaks or word in ("if", "idan") or not goes_on):
                found.append(words)
                words = []
            if not breaks:
                words.append(word)
        found.append(words)
    return [words for words in found if words]


def _spelt(word: str) -> str:
    """`stoooop` and `st0p` are `stop`; a number stays a number."""
    word = word[:_LONGEST_WORD]
    if not word.isdigit():
        word = word if word in _WORDS or word in BREAKS else word.translate(_DIGITS)
    return _LONG_RUN.sub(r"\1", word)


def letters_of(words: list[str]) -> str:
    """The classes of a clause's words; phrases count as one."""
    found, place = [], 0
    while place < len(words):
        reach = _REACH.get(words[place], 0)
        for length in range(min(reach, len(words) - place), 0, -1):
            phrase = PHRASES.get(" ".join(words[place : place + length]))
            if phrase is not None:
                found.append(phrase)
                place += length
                break
        else:
            found.append(_letter_of(words[place]))
            place += 1
    # "Send me your messages", "continue" and "ku sake" ask for them unless "don't" is before.
    return _NOT_ON.sub(r"N\1K", "".join(found))


def _letter_of(word: str) -> str:
    if word.isdigit():
        return "F"
    if word in ORDINARY:
        return "X"
    known = _WORDS.get(word) or _WORDS.get(_RUN.sub(r"\1", word))
    known = known or _without_vowels(word)
    known = known or igbo(word)
    if known or len(word) < 5:
        return known or "X"
    stem = next((stem for stem in STEMS if word.startswith(stem)), None)
    if stem is not None:
        rest = word[len(stem) :]
        # "Kwusinuohi" (stop theft), of which a space was left out, has an object of its own.
        ends = len(rest) <= _LONGEST_END or rest.endswith(STOP_ENDS) or stem == "unsubscr"
        return STEMS[stem] if STEMS[stem] != "S" or ends else "X"
    fewer = (word[:place] + word[place + 1 :] for place in range(len(word)))
    # "Sendng" is sending; "spending", which has another letter, is not.
    slips = (found for found in map(_SLIPS.get, fewer) if found and found not in "sg")
    return _SLIPS.get(word) or next(slips, "X")


def _without_vowels(word: str) -> str:
    """The class of a word of which vowels were left out, as in SMS: `rmve`, `dsturbng`."""
    return next(
        (
            _WORDS[whole]
            for whole in _CONSONANTS.get(_VOWEL.sub("", word), ())
            if whole[0] == word[0] and _is_within(word, whole)
        ),
        "",
    )


def _is_within(word: str, whole: str) -> bool:
    """Whether a word's letters stand in the whole one, in their order."""
    rest = iter(whole)
    return all(letter in rest for letter in word)
