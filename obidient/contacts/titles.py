"""What the title of a column says that is in it, however people word it."""

import re
from functools import lru_cache
from itertools import pairwise

from obidient.letters import without_marks

#: Words that say nothing: `What is your phone number?`, `Phone 1 - Value`, `Enter LGA`.
_NOISE = frozenset(
    "which s what whats is are your you the a an of in at for to do or and please enter provide "
    "kindly "
    "select choose write full-length value values column field no nos number numbers num nr n0 "
    "details info information respondent respondents person persons people supporter supporters "
    "member members participant participants voter voters applicant attendee attendees contact "
    "contacts reg registered active valid current ng nigeria nigerian your- his her "
    "wetin be una dey wey am".split()
)
_PHONE = frozenset(
    "phone phones phoneno phonenumber phonenumbers telephone tel tele mobile mobileno mobilenumber "
    "gsm gsmno gsmnumber cell cellphone cellular handphone msisdn whatsapp whatapp watsapp "
    "whatsap wa sms handset contactno contactnumber contactnumbers waya lambar foonu ekwenti "
    "nomba tarho fon fonu wayar wayata".split()
)
#: With one of these, a column of numbers belongs to somebody else, or is no phone number at all.
NOT_PHONE = frozenset(
    "type label network provider model brand kin guardian father mother spouse husband wife parent "
    "leader coordinator coord referee referrer referral sponsor emergency account bvn nin id vin "
    "passport serial code owner have has own smartphone agent supervisor assistant "
    "secretary".split()
)
#: Whom a list may be of: with no other number beside it, `Agent phone` is the agent's own.
ROLES = ("agent", "coordinator", "leader", "supervisor")
#: What programs call a column that has no title: Excel, pandas, SQL.
_UNTITLED = re.compile(
    r"(col(umn)?|field|unnamed:?|f|var)[ _]?([0-9]{1,3}|[a-z])|[a-z]", re.IGNORECASE
)
_LATER = {
    "alternative": 3, "alternate": 3, "alt": 3, "other": 3, "second": 3, "secondary": 3,
    "additional": 3, "backup": 3, "whatsapp": 2, "wa": 2, "home": 4, "work": 4, "office": 4,
    "business": 4, "company": 6, "car": 5, "radio": 6, "callback": 6, "isdn": 7, "pager": 8,
    "tty": 8, "tdd": 8, "landline": 5, "fax": 9, "primary": 0, "main": 0, "first": 0,
}  # fmt: skip
_PLACES = {
    "state": "state",
    "states": "state",
    "lga": "lga",
    "lgas": "lga",
    "lg": "lga",
    "localgovernment": "lga",
    "localgovt": "lga",
    "ward": "ward",
    "wards": "ward",
    "ra": "ward",
    "pu": "polling_unit",
    "pollingunit": "polling_unit",
    "pollingunits": "polling_unit",
    "pollingstation": "polling_unit",
    "polling": "polling_unit",
    "delim": "polling_unit",
    "unit": "polling_unit",
    # Yoruba, Hausa, Igbo
    "ipinle": "state",
    "jiha": "state",
    "jihar": "state",
    "steeti": "state",
    "mazaba": "ward",
    "mazabar": "ward",
    "gunduma": "ward",
    "woodu": "ward",
}
#: Words that may stand beside a place's: `State of residence`, `LGA code`, `Ward name`.
_BESIDE_PLACE = frozenset(
    "local government govt registration station "
    "name names code codes residence resident residential origin voting vote area council "
    "ijoba ibile karamar hukuma okpuru ochichi rumfar zabe ibudo idibo ebe ntuli aka "
    "reside resides residing live lives residency home current where located location".split()
)
#: Places that people call by two words.
_JOINED = {
    "localgovernment": "lga",
    "localgovt": "lga",
    "registrationarea": "ward",
    "pollingunit": "polling_unit",
    "pollingstation": "polling_unit",
    "ijobaibile": "lga",
    "karamarhukuma": "lga",
    "okpuruochichi": "lga",
    "rumfarzabe": "polling_unit",
    "ibudoidibo": "polling_unit",
    "ntuliaka": "polling_unit",
}
#: Words for where somebody lives, all in one cell.
_WHERE = frozenset(
    "location located address addresses place area residence residential resident residing town "
    "city community where live lives living adiresi adireshi".split()
)
#: With one of these it is another place than that.
_NOT_WHERE = frozenset(
    "meeting birth born venue office work workplace business company school kin nok guarantor bank "
    "email mail e ip mac web church mosque event origin hometown home_town shop market".split()
)
_NUMBER = frozenset({"no", "nos", "number", "numbers"})
_TAGS = frozenset("tag tags label labels group groups category categories membership".split())
_NAME = frozenset("name names fullname fullnames suna sunan oruko aha display file".split())
_FIRST = frozenset("first firstname given givenname fore forename christian fname other othername "
                   "othernames middle".split())  # fmt: skip
_LAST = frozenset("last lastname surname sur family familyname lname mahaifi".split())
#: With one of these a "name" is not a person's: `Ward name`, `Name of bank`.
_NOT_NAME = frozenset(
    "ward state lga unit pu bank company organisation organization school group event file church "
    "mosque father mother kin spouse phonetic prefix suffix nick nickname maiden user username "
    "business coordinator leader street town village referrer sponsor account party agent".split()
)
#: Titles of columns that hold nothing to keep: running numbers, Google's kinds of numbers.
_RUNNING = re.compile(
    r"(s\.?/?n\.?o?|serial( no| number)?|no|nos?\.|number|#|id|index|sno|sr no|row)\.?",
    re.IGNORECASE,
)
_TYPES = re.compile(r".+ - (type|label)", re.IGNORECASE)
#: Titles that only a program gives, to what it keeps of itself: KoBo's and ODK's questionnaires
#: (_uuid, deviceid), Google's and Outlook's address books.
_OF_A_PROGRAM = re.compile(
    r"_.*|start|end|today"
    r"|(?i:(?:meta[-/])?instance(?:id|name)|formhub/uuid|device ?id|simserial|subscriberid"
    r"|submitter(?:id|name)|reviewstate|attachments(?:present|expected)|file as|photo"
    r"|priority|private|sensitivity|directory server|mileage"
    r"|billing information)",
)


def spoken(title: str) -> str:
    """The title as a person gave it: without a form's groups, nothing where a program made it up.

    KoBo and ODK write the groups of a form before the question: `personal/phone_number`.
    """
    title = title.strip()
    if is_made_up(title):
        return ""
    path = re.fullmatch(r"\w+(?:/\w+)+", title) and ("_" in title or title == title.lower())
    return title.rpartition("/")[2] if path else title


def is_made_up(title: str) -> bool:
    """Whether a program named the column, since it had no title: `Column1`, `Unnamed: 0`."""
    return bool(_UNTITLED.fullmatch(title.strip()))


def without(role: str, title: str) -> str:
    """The title in a list of people of that role: `Agent` is their name, `Agent phone` a phone."""
    rest = re.sub(rf"\b{role}(?:'?s)?\b", " ", title, flags=re.IGNORECASE)
    return " ".join(rest.split()) or ("Name" if title else "")


def words(title: str) -> list[str]:
    """Its words: `group_a/phone_number` is phone, number; `FirstName` first, name."""
    title = spoken(title)
    if not title.isascii():
        title = without_marks(title)
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
    title = re.sub(r"\b([A-Za-z])\.(?=[A-Za-z]\b)", r"\1", title)
    return re.findall(r"[a-z]+|[0-9]+", title.lower())


@lru_cache(2_000)
def meaning(title: str) -> tuple[str, int]:
    """(field, how well) of a title: 3 where it says just that, 1 where it may, 0 for none."""
    if len(title) > 120 or _TYPES.fullmatch(title.strip()):
        return "", 0
    found = [word for word in words(title) if not word.isdigit()]
    said = [word for word in found if word not in _NOISE]
    joined = "".join(found)
    known = set(said) | {joined} | {a + b for a, b in pairwise(found)}
    for look in (_phone, _place, _name, _tags):
        field, how_well = look(said, known, found)
        if field:
            return field, how_well
    return ("phone", 1) if joined in {"number", "numbers", "contact", "contacts"} else ("", 0)


def _phone(said: list[str], known: set[str], found: list[str]) -> tuple[str, int]:
    # `Contact number`, but not `Contact` alone.
    reached = len(found) > 1 and found[0] == "contact" and set(found[1:]) <= _NUMBER
    if (
        not (reached or known & _PHONE)
        or set(found) & NOT_PHONE
        or "email" in known
        or "name" in said
    ):
        return "", 0
    rest = set(said) - _PHONE - set(_LATER)
    return "phone", 1 if rest else 3


def _place(said: list[str], known: set[str], found: list[str]) -> tuple[str, int]:
    fields = [_PLACES[word] for word in said if word in _PLACES]
    fields += [f for joined, f in _JOINED.items() if any(joined in word for word in known)]
    if not fields:
        return "", 0
    # `LGA in the state`, `State/LGA`: the smallest place is what it names.
    order = ("state", "lga", "ward", "polling_unit")
    field = max(fields, key=order.index)
    rest = set(said) - set(_PLACES) - _BESIDE_PLACE
    if "origin" in said:
        return field, 1
    return (field, 3 if len(said) == 1 else 2) if not rest else ("", 0)


def is_of_places(title: str) -> bool:
    """Whether a title says where people live: Location, Address, State/LGA."""
    said = set(words(title))
    return bool(said & (_WHERE | set(_PLACES))) and not said & _NOT_WHERE


def levels(title: str) -> frozenset[str]:
    """The levels of places that a title names: state, lga, ward, polling_unit."""
    said = words(title)
    known = {*said, *(a + b for a, b in pairwise(said))}
    return frozenset(
        {**_PLACES, **_JOINED}[one] for one in known if one in _PLACES or one in _JOINED
    )


def is_elsewhere(title: str) -> bool:
    """Whether a title speaks of another place than where somebody lives: Venue, Office address."""
    return bool(set(words(title)) & _NOT_WHERE)


def _name(said: list[str], known: set[str], found: list[str]) -> tuple[str, int]:
    if set(said) & _NOT_NAME:
        return "", 0
    is_name = bool(known & _NAME) or "name" in found or "names" in found
    if is_surname_first(found):
        return "full_name", 2
    if known & _LAST and (
        is_name or known & {"surname", "lastname", "familyname", "lname", "last"}
    ):
        return "last_name", 3 if "residence" not in known else 0
    if known & _FIRST and (is_name or known & _FIRST - {"other", "middle", "christian"}):
        weak = {"other", "othername", "othernames", "middle"} & known
        return "first_name", 1 if weak else 3
    if is_name:
        return "full_name", 3 if len(set(said) - _NAME - {"full"}) == 0 else 2
    if {"supporter", "supporters", "participant"} & set(found) and len(found) == 1:
        return "full_name", 1
    return "", 0


def is_surname_first(found: list[str]) -> bool:
    """Whether a column holds both names, the family name before the others."""
    family = {"surname", "lastname"} & set(found)
    return bool(family) and bool({"first", "other", "othernames", "others"} & set(found))


def _tags(said: list[str], known: set[str], found: list[str]) -> tuple[str, int]:
    if said and set(said) <= _TAGS and said[0] != "membership" and "no" not in found:
        return "tags", 3
    return "", 0


def lateness(title: str) -> int:
    """Where a column of numbers stands among several of a person: 0 for the primary one."""
    found = words(title)
    told = [_LATER[word] for word in found if word in _LATER]
    second = any(word.isdigit() and 1 < int(word) < 10 for word in found)
    return max(told, default=1) + (1 if second else 0)


def is_running(title: str) -> bool:
    """Whether a column counts rows or says kinds: nothing to keep about a person."""
    title = title.strip()
    return bool(
        _RUNNING.fullmatch(title) or _TYPES.fullmatch(title) or _OF_A_PROGRAM.fullmatch(title)
    )


def is_country_code(title: str) -> bool:
    """Whether a column holds what stands before its numbers abroad: `Country Code` of WhatsApp."""
    said = set(words(title))
    return "code" in said and bool(said & {"country", "dial", "dialling", "dialing", "calling"})
