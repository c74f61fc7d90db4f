"""One message in several languages: each person gets the text of their own.

The language stands in a field of the organisation's own, as lists bring it along: a column
"Language" with "Yoruba" or "yo". Who has none, or one without a text, gets the message itself.
"""

from collections.abc import Mapping
from typing import Any

from obidient.campaigns import text
from obidient.contacts import fields
from obidient.errors import Invalid
from obidient.letters import without_marks

#: ISO 639 code -> what people call it.
LANGUAGES = {"en": "English", "ha": "Hausa", "ig": "Igbo", "pcm": "Pidgin", "yo": "Yoruba"}
#: What lists call them besides, without marks and in small letters.
_WORDS = {
    "eng": "en",
    "hau": "ha",
    "ibo": "ig",
    "ibo language": "ig",
    "naija": "pcm",
    "nigerian pidgin": "pcm",
    "pidgin english": "pcm",
    "broken": "pcm",
    "broken english": "pcm",
    "yor": "yo",
} | {
    word: code
    for code, name in LANGUAGES.items()
    for word in (code, name.casefold(), f"{name.casefold()} language")
}
#: Own fields that say it, the first that is filled.
FIELDS = ("language", "preferred_language", "lang")


def language_of(values: Mapping[str, str]) -> str:
    """The code of a person's language from their field values; empty when it is not known."""
    said = next((values[name] for name in FIELDS if values.get(name)), "")
    return _WORDS.get(" ".join(without_marks(said).casefold().split()), "")


def template_for(template: str, others: Mapping[str, str] | None, values: Mapping[str, str]) -> str:
    """The text that a person with these field values gets."""
    return (others or {}).get(language_of(values)) or template


def validate(given: Mapping[str, str]) -> dict[str, str] | None:
    """The texts as they are stored, empty ones left out; raises Invalid naming the language."""
    found = {}
    for code, template in given.items():
        if code not in LANGUAGES:
            raise Invalid(f"There is no language {code[:20]!r}. There are: {', '.join(LANGUAGES)}.")
        if not template.strip():
            continue
        try:
            found[code] = text.validate(template, fields.own())
        except Invalid as error:
            raise Invalid(f"{LANGUAGES[code]}: {error.detail}") from None
    return found or None


def note_field() -> None:
    """Have contacts show the field, once a campaign asks for it."""
    if not any(name in fields.own() for name in FIELDS):
        fields.keep({FIELDS[0]: "Language"})


def texts_of(campaign: Any) -> dict[str, str]:
    """Every text of a campaign, by code; the message itself is under the empty one."""
    return {"": campaign.message_template} | (campaign.translations or {})
