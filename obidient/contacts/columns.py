"""Which column is which: by the names people give them, or as they say."""

import re
from collections.abc import Mapping, Sequence

from obidient.errors import Invalid

FIELDS = (
    "phone",
    "first_name",
    "last_name",
    "full_name",
    "state",
    "lga",
    "ward",
    "polling_unit",
    "tags",
)

_NAMES = {
    "phone": "phone phoneno phonenumber phonenumbers mobile mobileno mobilenumber gsm gsmno "
    "gsmnumber tel telephone telephoneno telephonenumber msisdn number cell cellphone whatsapp "
    "whatsappnumber contact contactnumber phone1",
    "first_name": "firstname first givenname givennames forename fname othernames othername",
    "last_name": "lastname last surname familyname lname",
    "full_name": "fullname name names supporter supportername membername contactname",
    "state": "state statename statecode stateoforigin stateofresidence",
    "lga": "lga lganame lgacode lg localgovernment localgovernmentarea localgovt localgovtarea",
    "ward": "ward wardname wardcode registrationarea ra",
    "polling_unit": "pollingunit pollingunitcode pollingunitname pu pucode puname unit delim "
    "polling pollingstation",
    "tags": "tags tag labels label group groups category categories",
}
_BY_NAME = {name: field for field, names in _NAMES.items() for name in names.split()}


def recognise(header: Sequence[str]) -> dict[str, int]:
    """field -> index of the first column that is named like it."""
    found: dict[str, int] = {}
    for index, title in enumerate(header):
        field = _BY_NAME.get(re.sub(r"[^a-z0-9]", "", title.lower()))
        if field and field not in found:
            found[field] = index
    return found


def assign(header: Sequence[str], mapping: Mapping[str, str] | None = None) -> dict[str, int]:
    """field -> index, what `mapping` (field -> column title) says before what names suggest.

    Raises Invalid when a title or field does not exist, or no column holds phone numbers.
    """
    found = recognise(header)
    titles = {title.strip().lower(): index for index, title in reversed(list(enumerate(header)))}
    for field, title in (mapping or {}).items():
        if field not in FIELDS:
            raise Invalid(f"There is no field {field!r}. Choose from: {', '.join(FIELDS)}.")
        if not title:
            found.pop(field, None)
            continue
        if title.strip().lower() not in titles:
            raise Invalid(f"There is no column {title!r}. There are: {', '.join(header)}.")
        index = titles[title.strip().lower()]
        # A column that a person gave to one field is no longer guessed for another.
        found = {other: place for other, place in found.items() if place != index} | {field: index}
    if "phone" not in found:
        raise Invalid(
            "No column is named like a phone number. Name one `phone`, or say which it is. "
            f"The columns are: {', '.join(title or '(no name)' for title in header)}."
        )
    return found
