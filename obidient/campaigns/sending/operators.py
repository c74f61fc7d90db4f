"""Which operator's network a Nigerian number began with, from its first digits.

Numbers can be taken along to another operator, so this is a guess, good enough to choose a way.
"""

import functools

import phonenumbers
from phonenumbers import carrier

#: As people write them in settings -> as `phonenumbers` does.
NAMES = {"MTN": "MTN", "AIRTEL": "Airtel", "GLO": "Glo", "9MOBILE": "9mobile"}
#: Characters of a number in international form that tell its operator, with the plus.
SHORT, LONG = 7, 8


@functools.cache
def _all() -> dict[str, list[str]]:
    """Operator -> the first digits of its numbers, as short as they may be."""
    found: dict[str, list[str]] = {}
    for three in range(700, 920):
        names = [_operator(f"{three}{digit}") for digit in range(10)]
        if len(set(names)) == 1:
            found.setdefault(names[0], []).append(f"+234{three}")
        else:
            for digit, name in enumerate(names):
                found.setdefault(name, []).append(f"+234{three}{digit}")
    return found


def _operator(beginning: str) -> str:
    number = phonenumbers.parse(f"+234{beginning:0<10}")
    return carrier.name_for_number(number, "en")


def beginnings(operator: str) -> list[str]:
    """The first seven or eight characters of an operator's numbers: `+234803`, `+2347025`."""
    return _all().get(NAMES[operator.upper()], [])
