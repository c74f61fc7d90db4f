"""The words of results by SMS: labels, elections, courtesy, and nothing at all."""

#: What is no party: label -> what it stands for.
LABELS = {
    name: figure
    for figure, known in {
        "accredited": (
            "acc", "accr", "accredited", "accreditation", "accredited voters",
            "total accredited voters", "total accredited",
        ),
        "registered": (
            "reg", "registered", "registered voters", "total registered voters", "total registered",
        ),
        # Not "spoilt": the form EC8A counts spoilt ballot papers apart from rejected ones.
        "rejected": (
            "rej", "rejected", "rejected votes", "rejected ballots", "rejected ballot papers",
            "total rejected", "total rejected votes", "invalid", "invalid votes", "invalid ballots",
            "void", "void votes",
        ),
        "valid": ("valid", "valid votes", "total valid votes"),
        "cast": ("cast", "votes cast", "total votes cast"),
        "pin": ("pin", "pin no", "pin number", "pin code", "pin is"),
    }.items()
    for name in known
}  # fmt: skip
#: Said before a polling unit's code.
BEFORE_CODE = {"pu", "polling", "unit", "code"}
#: Said around a result and behind a number; skipped unless it is a party's name or a label's part.
COURTESY = frozenset(
    """
    good morning afternoon evening day night greetings hello hi dear sir sirs ma madam oga boss team
    please pls kindly thanks thank you god bless regards well done ok okay and
    here is are the this my our your from for of at as follows below result results figures final
    agent reporting report count counted number election form sheet
    votes vote voters voter only
    abeg we don finish e kaaro kaasan kaale se ejoo jowo sa barka da yamma rana safiya don allah
    nagode na gode ndewo daalu biko
    """.split()
)
#: Between a name and its number: "LP got 120".
LINKS = frozenset("is are was were got has have had scored polled of voters votes vote".split())
#: No vote at all, in words.
NIL = frozenset("nil nill nill none zero nothing nought".split())
SHORT = {
    "accredited": "ACC",
    "registered": "REG",
    "rejected": "REJ",
    "valid": "VALID",
    "cast": "CAST",
    "pin": "PIN",
}
#: Said once where several elections are held on one day.
ELECTION_WORDS = {
    "pres": "presidential",
    "presidential": "presidential",
    "gov": "governorship",
    "governorship": "governorship",
    "sen": "senatorial",
    "senate": "senatorial",
    "reps": "house",
    "hoa": "state-assembly",
    "chair": "chairmanship",
    "councillor": "councillorship",
}
#: How each election is named in an answer: by the first of its words.
SHORT_ELECTION: dict[str, str] = {}
for _word, _kind in ELECTION_WORDS.items():
    SHORT_ELECTION.setdefault(_kind, _word.upper())
#: Before these a number is a time, a date or a place.
NO_NAMES = frozenset(
    """
    at by to from before after on in for of and or is about ward unit number with than no need
    block flat room house shop plot phase gate booth aged age
    """.split()
)
