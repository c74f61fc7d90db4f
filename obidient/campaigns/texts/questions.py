"""Who we are, what this is, how it is done: questions that HELP answers.

Such a question has words of its own kind and of no other: "who is texting me" and "wetin be this
message" are about us, "who is our candidate" and "what is the plan for farmers" are not.
"""

from obidient.campaigns.texts.words import CLASSES, GODS

_POLITE = frozenset(CLASSES["P"].split())

_WHO = frozenset(
    "who whos whose whoz hu huz waye wanene wane wacece suwaye onye tani ta talo tale wa".split()
)
#: May stand before: "may I know who this is", "su waye ku", "kedu onye a".
_BEFORE_WHO = frozenset(
    """
    may can could i know ask want to wanted tell me like would let just but is na so i bu gi
    kedu unu su fe mo biko am da
    """.split()
)
_BEHIND_WHO = frozenset(
    """
    is s it its be bi are r was am this dis that dat these those i we you u una ya ye ur your yours
    person people pple number numba line phone with to the d dey don wey that has have my me mi m
    send sends sent sending sen text texts texted texting txt txting call calls called calling
    message messages messaged messaging msg msgs sms chat chatting talking speaking talk speak
    write writes writing wrote contacting on from behind own owns get keep again now please exactly
    here actually really
    ne ce wannan ku kake kuke ke da magana sako lamba lambar lambarka wannan mai turo nake yake nan
    ni nii yii yi le eyi eleyi yin eyin je lo n fi ranse si o ti mo ba soro
    bu a nke ihe ka o na ezitere ezite izitere ekwu m ozi unu gi nkea
    """.split()
)

_WHAT = frozenset(
    "what whats wat wats wht which wich wetin watin menene mene mine gini kini kilo ki".split()
)
_BEHIND_WHAT = _BEHIND_WHO | frozenset(
    """
    about for of mean means meaning meant does do say saying says said talk talking una want wan
    need should supposed go fit can all kind kain even actually service text message messages texts
    ne nufi nufin sakon sako ke nan abin kuke nema kuke cewa kake
    tumo itumo o so fe ohun le n eyi yii atejise
    group organisation organization party company network people abt 4
    putara puru gini unu na ekwu choro a nke ihe nkea ozi
    """.split()
)
#: A question of what is about us only when it points at what we sent, or asks what we want.
_POINTS = frozenset(
    """
    this dis that dat it these am mean means meaning say saying talk talking want wan do
    wannan nufi nema eyi yii tumo so a nke nkea putara ekwu choro
    """.split()
)

#: Hausa's "me" is "what" before these only.
_WHAT_HAUSA = [["me", word] for word in ("kuke", "kake", "ke", "ne", "yake", "ya")]

_HOW = frozenset("how hw yaya bawo kedu".split())
_BEHIND_HOW = frozenset(
    """
    do does can could should may will to i it this dis that dat am go fit take for be dey d the
    reply respond answer use using work works working
    service number line thing one
    zan za ake amfani da wannan yi ke aiki
    ni mo se le n maa lo yii eyi a sise
    ka m ga esi mee ya o si aru oru e
    """.split()
)
_DONE = frozenset(
    "do reply respond answer use using work works working yi amfani se lo sise mee aru oru".split()
)

#: How we know the number, why we write, what it costs: all words of such a question are of these.
_SOURCE_OR_REASON = frozenset(
    """
    how hw where who why which what wetin from you u una ye people guys did do does dey don take
    tek is it that my me i am are were be being was been on to in at of the a an this dis these
    those that ur your all again always every day come person now it for with by so about just
    keep kept sending send sent texting text texts message messages messaging messaged msg msgs
    sms call calls calling called contacting contact contacts writing write getting get got gotten
    receive received receiving receives recieve recieving obtain obtained gave give given find found
    see saw num number numba nomba line phone details name disturbing disturb
    nibo bawo ki kilo tani ta lo fun yin ni e ti ri gba mi foonu oruko se nitori de n fi ranse si
    ina ta yaya kuka kuke samu ka kake lambata lambar lamba wayata wa ya baku me yasa meyasa
    turo min mini sako kira na da
    ebee ebe olee kedu ka unu si nweta nwetara noomba m onye nyere gini mere ji eji eziteere ezitere
    ezite izitere ozi
    """.split()
)
_ASKS_SOURCE = frozenset(
    "how hw where who why nibo bawo ta tani nitori ina yaya wa ebee olee".split()
)
_ASKS_SOURCE |= frozenset("ebe kedu onye meyasa yasa which".split())
_CAME_BY = frozenset(
    "get got gotten obtain obtained gave give given find found see ri fun gba samu baku nweta "
    "nwetara"
    " nyere".split()
)
_THE_NUMBER = frozenset(
    "number num numba nomba noomba contact contacts line details lambata lambar lamba".split()
)
_WRITES = frozenset(
    "send sending sent text texting message messages messaging texts sms msg msgs call calling"
    " contacting writing write getting receiving ranse turo kira ezitere izitere ezite sako".split()
)
_WHY = frozenset("why nitori yasa meyasa mere".split())
_ONE_WRITTEN_TO = frozenset("me my i mi min mini m na wayata".split())
_COSTS = frozenset(
    "am i will be is this these free charged charge pay paying for the messages".split()
)
_COSTS |= frozenset(
    "message texts text sms service do to have cost costing me how much does it".split()
)
_PRICE = frozenset("charged charge free cost costing pay paying".split())
_WRITTEN = frozenset("message messages text texts sms service".split())

_BAFFLED = (
    "dont understand",
    "do not understand",
    "didnt understand",
    "no understand",
    "not understand",
    "not clear",
    "no clear",
    "do i know you",
    "dont get it",
    "dont get this",
    "no get am",
    "no get wetin",
    "ban gane",
    "ban fahimta",
    "ban fahimci",
    "ko ye mi",
    "ko yemi",
    "aghotaghi",
    "a ghotaghi",
    "o doghi m anya",
)
_BEFORE_BAFFLED = frozenset("i am it is still e message this".split())
_BEHIND_BAFFLED = _BEHIND_WHAT | {"what", "wetin", "ba", "still", "mi"}


def asks_who(words: list[str]) -> bool:
    """Whether a clause asks who writes."""
    said = _without_courtesy(words)
    place = next(
        (
            at
            for at, word in enumerate(said)
            if word in _WHO and (word != "wa" or said[:at] in ([], ["da"]))
        ),
        None,
    )
    if place is None:
        return False
    before = set(said[:place])
    if "know" in before and not before & {"may", "can", "could", "like", "want", "let"}:
        # "I know who you are" asks for nothing.
        return False
    return before <= _BEFORE_WHO and set(said[place + 1 :]) <= _BEHIND_WHO


def asks_why(words: list[str]) -> bool:
    """Whether a clause asks how we came by the number, why we write, or what our texts cost."""
    said = set(_without_courtesy(words))
    if said <= _COSTS:
        return bool(said & _PRICE and said & _WRITTEN and said & {"am", "is", "are", "do", "does"})
    if not said <= _SOURCE_OR_REASON or not said & _ASKS_SOURCE:
        return False
    of_number = bool(said & _CAME_BY and said & _THE_NUMBER)
    return of_number or bool(said & _WHY and said & _WRITES and said & _ONE_WRITTEN_TO)


def asks_what(words: list[str]) -> bool:
    """Whether a clause asks what this is or how it is done, or says that it was not understood."""
    said = _without_courtesy(words)
    if not said:
        return False
    first, rest = said[0], set(said[1:])
    if first in _WHAT or said[:2] in _WHAT_HAUSA:
        return bool(rest & _POINTS) and rest <= _BEHIND_WHAT
    if first in _HOW and said[-1] not in ("you", "una"):
        return bool(rest & _DONE) and rest <= _BEHIND_HOW
    return _is_baffled(" ".join(said))


def is_prayer(words: list[str]) -> bool:
    """Whether God is asked for help; Hausa's "don Allah" is please."""
    to_god = ("allah" in words) and not {"don", "dan"} & set(words)
    return to_god or bool(GODS & set(words))


def _is_baffled(said: str) -> bool:
    for phrase in _BAFFLED:
        before, found, behind = f" {said} ".partition(f" {phrase} ")
        if found:
            behind_fits = set(behind.split()) <= _BEHIND_BAFFLED
            return behind_fits and set(before.split()) <= _BEFORE_BAFFLED
    return False


def _without_courtesy(words: list[str]) -> list[str]:
    """A clause without greetings at its begin and end."""
    places = [place for place, word in enumerate(words) if word not in _POLITE]
    return words[places[0] : places[-1] + 1] if places else []
