"""Letters as people type them in a hurry: without their marks, in any case."""

import re
import unicodedata

#: Marks that stand on a letter once it is taken apart, and all that separates words.
MARKS = "[\u0300-\u036f]"
SPACES = "[\t-\r \u00a0\u2028\u2029]"
#: Latin capitals that stay in one piece, and what each is when small: a table and not lower(),
#: which means something else to each database and each of its locales.
CAPITALS = "".join(
    one
    for one in map(chr, range(0x250))
    if one.isupper() and len(one.lower()) == 1 and unicodedata.normalize("NFD", one) == one
)
SMALL = CAPITALS.lower()

_MARKS, _SPACES = re.compile(MARKS), re.compile(f"{SPACES}+")
_TO_SMALL = str.maketrans(CAPITALS, SMALL)


def without_marks(text: str) -> str:
    """The text with each letter's marks taken off, in compatible plain forms: `ẹ̀kọ́` is `eko`."""
    spread = unicodedata.normalize("NFKD", text)
    return "".join(one for one in spread if not unicodedata.combining(one))


def one_spelling(text: str) -> str:
    """What two spellings of a value have in common: ` Ọ̀gá  Trader ` and `oga trader` are one."""
    plain = text if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", text))
    return _SPACES.sub(" ", plain.translate(_TO_SMALL)).strip(" ")


def one_spelling_sql(text: str) -> str:
    """The same of an expression of PostgreSQL, but for its spaces (three parameters:
    `ONE_SPELLING`)."""
    return f"translate(regexp_replace(normalize({text}, NFD), %s, '', 'g'), %s, %s)"


ONE_SPELLING = (MARKS, CAPITALS, SMALL)
