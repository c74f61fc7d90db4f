"""Which operator's network a Nigerian number began with, from its first digits.

Numbers can be taken along to another operator, so this is a guess, good enough to choose a way and
to reckon with a price.
"""

import functools

import phonenumbers

from obidient.setting_values import NETWORKS

#: As settings keep them -> as `phonenumbers` writes them.
NAMES = {name.upper(): name for name in NETWORKS}
#: Characters of a number in international form that tell its operator, with the plus.
SHORT, LONG = 7, 8


@functools.cache
def _all() -> dict[str, list[str]]:
    """Operator -> the first digits of its numbers, as short as they may be."""
    found: dict[str, list[str]] = {}
    for three in range(700, 920):
        names = [operator_of(f"+234{three}{digit}{0:06}") for digit in range(10)]
        if len(set(names)) == 1:
            found.setdefault(names[0], []).append(f"+234{three}")
        else:
            for digit, name in enumerate(names):
                found.setdefault(name, []).append(f"+234{three}{digit}")
    return found


@functools.lru_cache(maxsize=4_096)
def operator_of(phone: str) -> str:
    """The operator that a number was given out by, as `MTN`; empty where nobody knows."""
    # The operators of the whole world, 11 MB: not in each process that never asks.
    from phonenumbers import carrier

    try:
        return str(carrier.name_for_number(phonenumbers.parse(phone), "en"))
    except phonenumbers.NumberParseException:
        return ""


def beginnings(operator: str) -> list[str]:
    """The first seven or eight characters of an operator's numbers: `+234803`, `+2347025`."""
    return _all().get(NAMES[operator.upper()], [])
