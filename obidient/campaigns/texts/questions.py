"""Who we are, what this is, how it is done: questions that HELP answers.

Such a question has words of its own kind and of no other: "who is texting me" and "wetin be this
message" are about us, "who is our candidate" and "what is the plan for farmers" are not.
"""

from obidient.campaigns.texts.words import CLASSES, GODS

_POLITE = frozenset(CLASSES["P"].split())

_WHO = frozenset(
    """
    who whos whose whoz hu huz waye wanene wane wacece suwaye onye tani taani ta talo tale wa
    """.split()
)
#: May stand before: "may I know who this is", "su waye ku", "kedu onye a".
_BEFORE_WHO = frozenset(
    """
    may can could i know ask una be eyin want to wanted tell me like would let just but is na so i
    bu gi
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
    ni nii yii e yi le eyi eleyi yin eyin je lo n fi ranse si o ti mo ba soro
    bu agwa okwu zite zitere ha akpo akpoku kpo yen gan these behind a nke ihe ka o na ezitere ezite
    izitere
    ekwu m ozi
    unu gi nkea
    """.split()
)

_WHAT = frozenset(
    "what whats wat wats wht which wich wetin watin menene mene mine gini kini kilo ki kedu".split()
)
_BEHIND_WHAT = _BEHIND_WHO | frozenset(
    """
    about for of mean means meaning meant does do say saying says said talk talking una want wan
    need should supposed go fit can all kind kain even actually service text message messages texts
    ne nufi nufin sakon sako ke nan abin kuke nema kuke cewa kake
    tumo itumo o so fe ohun le n eyi yii atejise
    group organisation organization party company network people abt 4
    putara puru gini unu na ekwu choro a nke ihe nkea ozi yen gan obidient obidients does sender id
    represent represents thing things under authority selling find and or here ma anar ma'anar
    maanar itumo
    """.split()
)
#: A question of what is about us only when it points at what we sent, or asks what we want.
_POINTS = frozenset(
    """
    this dis that dat it these am mean means meaning say saying talk talking want wan do
    wannan nufi nema eyi yii eleyi yi yen itumo obidient obidients represent fe nan selling find
    tumo so a nke nkea
    putara ekwu choro
    """.split()
)
#: "What do I do" may be about anything.
_AT_US = _POINTS - {"do"}

#: Hausa's "me" is "what" before these only.
_WHAT_HAUSA = [["me", word] for word in ("wannan", "kuke", "kake", "ke", "ne", "yake", "ya")]

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

#: How we know the number, why we write: all words of such a question are of these.
_SOURCE_OR_REASON = frozenset(
    """
    how hw where who why which what wetin from you u una ye people guys did do does dey don take
    tek is it that my me i am are were be being was been on to in at of the a an this dis these
    those that ur your all again always every day come person now it for with by so about just
    keep kept thing things nonsense na le kilode wannan a ji sakon yake daga ibo sending send sent
    texting text texts message messages messaging messaged msg msgs
    sms call calls calling called contacting contact contacts writing write getting get got gotten
    receive received receiving receives recieve recieving obtain obtained gave give given find found
    see saw have sabi samo no num number numba nomba line phone details name disturbing disturb
    nibo bawo ki kilo tani ta lo fun yin ni e ti ri gba mi foonu oruko se nitori de n fi ranse si
    ina ta yaya kuka kuke samu ka kake lambata lambar lamba wayata wa ya baku me yasa meyasa
    turo min mini sako kira na da
    ebee ebe olee kedu ka unu si nweta nwetara noomba m onye nyere gini mere ji eji eziteere ezitere
    ezite izitere ozi
    """.split()
)
_ASKS_SOURCE = frozenset(
    "how hw where who why kilode ibo daga nibo bawo ta tani nitori ina yaya wa ebee olee".split()
)
_ASKS_SOURCE |= frozenset("ebe kedu onye meyasa yasa which gini".split())
_CAME_BY = frozenset(
    """
    sabi samo have get got gotten obtain obtained gave give given find found see ri fun gba samu
    baku
    nweta
    """
    "nwetara"
    " nyere".split()
)
_THE_NUMBER = frozenset(
    "number no num numba nomba noomba contact contacts line details lambata lambar lamba".split()
)
_WRITES = frozenset(
    "send sending sent text texting message messages messaging texts sms msg msgs call calling"
    " contacting writing write getting receiving ranse turo kira ezitere izitere ezite sako".split()
)
_WHY = frozenset("why kilode nitori yasa meyasa mere".split())
_ONE_WRITTEN_TO = frozenset("me my i mi min mini m na wayata".split())
_WHERE = frozenset("where nibo ibo ina ebee ebe daga".split())
_FROM = frozenset("from wa come fito yake si".split())
_SENT = frozenset(
    "you una e le unu kuke this dis message text sms sako sakon wannan ozi eleyi eyi".split()
)

#: Whether it is one of these that writes, and whether it may be answered.
_IF_IDENTITY = frozenset(
    """
    inec government govt gov party lp labour obidient obidients obi obis peter apc pdp scam fraud
    419
    spam real legit genuine robot bot human computer machine official mtn glo airtel compulsory
    mandatory automated authentic true yahoo person politics campaign
    """.split()
)
_IF_ANSWERED = frozenset("reply respond answer ask questions question fesi".split())
_OF_IDENTITY = frozenset(
    """
    is are am na be hope so does do will would can could may this dis these that it i you u una ye
    ya message messages text texts sms number line the a an from for by to or abi and not no being
    talking speaking chatting chat talk with dey send sent sends am here on really truly your my
    one thing who what know now people s gan se ni yi yii eleyi shin wannan sakon sako ne ce daga ko
    jam iyya gwamnati ijoba lati odo ozi a o si ka n aka bu gomenti compulsory
    """.split()
)
_ABOUT_US = frozenset(
    "this dis these you u una ye message messages text texts sms am i e ozi sakon wannan".split()
)

#: What an answer costs.
_PRICE = frozenset("charge charged charges free cost costs costing pay paying deduct".split())
_PRICE |= frozenset("deducted kyauta kudi owo efu ego".split())
_COSTS = _PRICE | frozenset(
    """
    am i will be is this these dis for the messages message texts text sms service do to have me
    how much does it if when you u una dem go my airtime credit money from reply replying answer
    na by any am dey thing receive receiving get getting getting it on a and are
    shin wannan ne ko za a cire min ake biya se won maa yo lori foonu mi ti mo ba fesi lowo
    o bu n ole ka na eri iza ozi elo le
    """.split()
)
_COST_US = frozenset(
    """
    message messages text texts sms service this these dis reply replying charge charged deduct
    deducted me kyauta fesi efu ozi receive
    """.split()
)
_ASKS_IF = frozenset(
    "is are am will does do can could would how shin se so shey abi dem una be hope".split()
)

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
    "ni oye",
    "ban gane",
    "ban fahimta",
    "ban fahimci",
    "ko ye mi",
    "ko yemi",
    "aghotaghi",
    "a ghotaghi",
    "o doghi m anya",
)
_BEFORE_BAFFLED = frozenset("i am it is still e message this mi o n ko".split())
_BEHIND_BAFFLED = _BEHIND_WHAT | {"what", "wetin", "ba", "still", "mi"}


def asks_of_us(words: list[str], has_mark: bool) -> bool:
    """Whether a clause, or one part of it, asks about us whatever stands beside it."""
    for part in (words, *_parts_of(words)):
        points = asks_what(part) and _AT_US & set(part)
        if points or asks_who(part) or asks_why(part) or asks_if(part, has_mark):
            return True
    return False


def _parts_of(words: list[str]) -> list[list[str]]:
    """What stands before "and", and behind it."""
    if "and" not in words:
        return []
    place = words.index("and")
    return [words[:place], words[place + 1 :]]


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
    """Whether a clause asks how we came by the number or why we write."""
    said = set(_without_courtesy(words))
    if not said <= _SOURCE_OR_REASON or not said & _ASKS_SOURCE:
        return False
    if said & _WHERE and said & _FROM and said & _SENT and not said & _CAME_BY:
        return True
    of_number = bool(said & _CAME_BY and said & _THE_NUMBER)
    return of_number or bool(said & _WHY and said & _WRITES and said & _ONE_WRITTEN_TO)


def asks_if(words: list[str], has_mark: bool) -> bool:
    """Whether a clause asks if we are this or that, may be answered, or cost something.

    "Na INEC send am" only asks with a question mark.
    """
    said = _without_courtesy(words)
    if not said or not (has_mark or said[0] in _ASKS_IF):
        return False
    every = set(said)
    if every <= _COSTS and every & _PRICE:
        return bool(every & _COST_US)
    asked = every & _IF_IDENTITY or (every & _IF_ANSWERED and said[0] in ("can", "may", "do"))
    known = every <= _OF_IDENTITY | _IF_IDENTITY | _IF_ANSWERED
    return bool(asked and known and every & _ABOUT_US)


def asks_what(words: list[str]) -> bool:
    """Whether a clause asks what this is or how it is done, or says that it was not understood."""
    said = _without_courtesy(words)
    place = next((at for at, word in enumerate(said) if word in _WHAT), 0)
    if set(said[:place]) <= _BEFORE_WHO | {"you"}:
        said = said[place:]
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
