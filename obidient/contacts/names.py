"""People's names as lists have them: honorifics, `Obi, Ada`, initials, words for nothing."""

import re

#: What people write into a cell that holds nothing.
NOTHING = frozenset(
    "n/a na n.a n.a. nil none null #n/a #na nan undefined unknown - -- --- – — . .. ... / x xx xxx "
    "0 #ref! #value! #name? #div/0! #num! #null! #error! err:502 err:504 err:508 (null) <null> "
    "<na> not-applicable".split()
) | {"not available", "not applicable", "no name", "not given", "not stated",
    "no phone", "no number", "no gsm", "unspecified", "nill", "0/0/00", "00/00/0000", "0000-00-00",
}  # fmt: skip
#: Titles and honorifics, without their dots; none of them is a first name.
HONORIFICS = frozenset(
    "mr mrs ms miss mss master madam mallam malam mal malama alh alhaji alhaja haj hajia hajiya "
    "hajj chief chf cheif otunba oloye asiwaju lolo nze ichie hon honourable honorable rt dr "
    "doctor drs prof professor engr eng engineer barr barrister bar arc arch architect surv qs esv "
    "tpl pst pastor ptr rev revd reverend fr msgr bishop archbishop apostle apst evang evangelist "
    "prophet prophetess elder deacon deaconess dcn dcns comrade comr cde sen senator gov governor "
    "amb ambassador hrh hrm him hrm sir lady dame justice pharm nurse imam ustaz ust sheikh sheik "
    "shaykh gen col capt captain maj major lt sgt cpl insp dsp asp csp cp sp brig cmdr wg cdr "
    "bro brother sis sister snr h.e high ezeogo coach".split()
)
#: Titles that are first names as well: dropped only where two names are left.
_PERHAPS = frozenset("prince princess queen king".split())
#: What may stand behind a name.
_BEHIND = frozenset(
    "jp esq phd ph.d mba msc bsc fnse mnse san oon ofr mfr con cfr gcon jnr jr snr sr ii iii "
    "ksm npm fca aca rn".split()
)
#: Words for nothing that are an answer in a field of one's own: no children, a tick.
ANSWERS = frozenset({"0", "x", "xx", "xxx"})
_INITIAL = re.compile(r"\w\.?|(?:\w\.){2,}\w?\.?")
_EDGES = " .,;:-_*\"'()[]"


def is_nothing(text: str) -> bool:
    """Whether a cell says in words that it holds nothing."""
    return text.casefold() in NOTHING


def tidy(text: str) -> str:
    """A cell of a name; what holds no letter, such as a phone number, is no name."""
    if text.isalpha():
        return "" if text.casefold() in NOTHING else text
    if is_nothing(text) or not any(map(str.isalpha, text)):
        return ""
    return text


def _bare(word: str) -> str:
    return word.strip(_EDGES).casefold()


def _plain_words(text: str) -> list[str]:
    """The words of a name without titles before it and degrees behind it."""
    words = re.sub(r"\b([A-Za-z]{2,5})\.(?=[A-Z])", r"\1. ", text).split()
    start, end = 0, len(words)
    while start < end and _is_title(words[start], end - start):
        start += 1
    while end > start + 1 and _stands_behind(words[end - 1]):
        end -= 1
    return words[start:end]


def _stands_behind(word: str) -> bool:
    """A degree, an order, or a remark in brackets such as `(rtd)`."""
    return _bare(word) in _BEHIND or (word.startswith("(") and word.endswith(")"))


def _is_title(word: str, left: int) -> bool:
    bare = _bare(word)
    if bare in _PERHAPS:
        return left > 2
    # `Alh/Dr` and `Mr&Mrs` are titles too.
    if bare in HONORIFICS:
        return True
    parts = [part for part in re.split(r"[/&+.]", bare) if part]
    return not parts or all(part in HONORIFICS for part in parts)


def split(full: str, surname_first: bool = False) -> tuple[str, str, str]:
    """(first name, last name, full name) of a full name; empty where it can't be told.

    `Hon. Ada Obi` gives Ada, Obi; `Obi, Ada` and `OBI Ada` too; `A. B. Okafor` gives no first
    name.
    """
    surname_first = surname_first or _has_capital_surname(full)
    if surname_first and "," not in full:
        words = _plain_words(full)
        full = f"{words[0]}, {' '.join(words[1:])}" if len(words) > 1 else full
    before, comma, after = full.partition(",")
    if comma and after.strip():
        family, given = _plain_words(before), _plain_words(after)
        if given and not (len(given) == 1 and _bare(given[0]) in _BEHIND):
            last = " ".join(family)
            return _first(given), last, " ".join([*given, *family])
        titles = [word for word in after.split() if _bare(word) in HONORIFICS]
        full = " ".join([*titles, before.strip()])
    words = _plain_words(full)
    if not words:
        return "", "", ""
    first = _first(words)
    last = words[-1].strip(_EDGES) if len(words) > 1 else ""
    return first, last, " ".join(full.replace(",", " ").split())


def _has_capital_surname(full: str) -> bool:
    """`OBI Ada Ngozi`: the family name stands in capitals before the others."""
    if full.isupper() or full.islower() or full.istitle():
        return False
    family, *others = _plain_words(full) or [""]
    return (
        len(family) > 2
        and family.isupper()
        and bool(others)
        and all((word[:1].isupper() and not word.isupper()) or len(word) < 3 for word in others)
        and any(word[1:].islower() for word in others)
    )


def _first(words: list[str]) -> str:
    """The first word that is no initial, as long as it is not the family name alone."""
    for at, word in enumerate(words):
        if not _INITIAL.fullmatch(word):
            alone = at > 0 and at == len(words) - 1
            return "" if alone else word.strip(",;\"'()")
    return ""


def given(text: str) -> str:
    """A cell of first names without titles; empty when only titles or initials are left."""
    if text.isalpha():
        return "" if text.casefold() in HONORIFICS else text
    words = _plain_words(text)
    return " ".join(words) if any(not _INITIAL.fullmatch(word) for word in words) else ""
