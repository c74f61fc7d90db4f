"""Words and phrases that a language builds from stems and ends, so that no list has them all."""

import re
from itertools import product

# Igbo says "don't send me" in one word: a stem, what becomes of it, -la (or -na), and maybe "me".
_FORBIDDEN = r"(?:kwa|zi|go|ra|re|we|wa)*[ln]a(?:kwa|nu|zi)*m?"
_REACHING = (
    r"(?:zi(?:t[ae]|ga|pu|ghari|)|kpo(?:t[ou]|ku|)|de(?:t[ae]|ga|)|nye|kpasu|sogbu|meju)"
    r"(?:r[aeiou])*"
)
_DONT_REACH = re.compile(rf"[aeio]?{_REACHING}{_FORBIDDEN}")
_ENDING = r"(?:kwusi|wepu|hichapu|hapu)"
_DONT_END = re.compile(rf"[aeio]?{_ENDING}{_FORBIDDEN}")
_SENDS = re.compile(r"[aei]?zi(?:t[ae]|ga|pu|e)(?:r[aeiu]|w[ae]|nu|go)*m?")


def igbo(word: str) -> str:
    """The class of an Igbo verb in one of its forms: don't reach, don't stop, send."""
    if _DONT_END.fullmatch(word):
        return "X"
    if _DONT_REACH.fullmatch(word):
        return "d"
    return "s" if _SENDS.fullmatch(word) else ""


def _joined(*parts: str) -> list[str]:
    """Every phrase with one word of each part; `-` stands for none."""
    choices = [part.split(",") for part in parts]
    return [" ".join(" ".join(chosen).replace("-", "").split()) for chosen in product(*choices)]


#: Phrase -> the letters of the classes that it stands for.
BUILT: dict[str, str] = {}
# Hausa: "don't again" needs no verb.
BUILT |= dict.fromkeys(_joined("kar,kada,ka da,kad,kara da", "ku,ka,ki,a,in", "sake,kara"), "S")
BUILT |= dict.fromkeys(_joined("karku,kadaku,karka,kara", "sake,kara"), "S")
# Hausa: "do (it) always"; behind "don't" the same letter says "again".
BUILT |= dict.fromkeys(_joined("ku,a,kuna,ka", "rika,ringa,dinga"), "C")
# What was asked for already: reported, or in vain.
BUILT |= dict.fromkeys(
    _joined(
        "said,say,told,tell,asked,begged,warned,don tell,don talk",
        "-,you,u,una,you people,you guys",
        "to,should,make una,that you should,that you people should",
        "stop",
    )
    + _joined("said,replied,reply,sent,texted,typed,pressed,press,talk", "stop"),
    "hS",
)
# "Will you not stop": it is no question. "Let me not see this again".
BUILT |= dict.fromkeys(
    _joined("una no go,you no go,wont you,wont you people,will you not", "stop"), "S"
)
BUILT |= dict.fromkeys(_joined("let me not", "see,get,receive,hear,be seeing,be getting"), "NsM")
BUILT |= dict.fromkeys(_joined("make i no", "see,dey see,get,hear"), "NsM")
BUILT |= dict.fromkeys(_joined("no need to", "-,dey,be", "send,sending,text,texting"), "Ns")
BUILT |= dict.fromkeys(_joined("dont,do not,no,no dey,never", "write,writing"), "Ns")
BUILT |= dict.fromkeys(_joined("dont,do not", "count me", "in,among,for"), "RM")
# What was done by mistake is taken back.
BUILT |= dict.fromkeys(
    _joined(
        "opted out,unsubscribed,stopped,stopped it,sent stop,pressed stop,press stop,typed stop,"
        "texted stop,replied stop,removed myself",
        "by mistake,by accident,by error,mistakenly,accidentally",
    ),
    "G",
)
# "I told my wife to stop worrying" was said to somebody else.
BUILT |= dict.fromkeys(
    _joined("told,tell,ask,asked,beg", "my,the,him,her,them,dem,people,everybody,everyone"), "X"
)
# "Add this number", "put my name".
BUILT |= dict.fromkeys(
    _joined(
        "add,put,include,register,enrol,enroll",
        "my,this,dis,our,the,this my,dis my,my new,my other,am my",
    ),
    "A",
)
# Pidgin's "dey" makes a habit of it.
BUILT |= dict.fromkeys(_joined("make", "una,you,u", "dey"), "kUC")
BUILT |= dict.fromkeys(_joined("una,you,u", "fit,can,may", "dey"), "UyC")
BUILT |= dict.fromkeys(_joined("i", "wan,want,go like", "dey,to dey"), "UWC")
# "Keep sending" is a wish, "you keep sending" a complaint.
_KEEPS = ("keep,keep on", "sending,texting,messaging,calling")
BUILT |= dict.fromkeys(_joined(*_KEEPS), "js")
BUILT |= dict.fromkeys(_joined("you,u,una,they,still,always", *_KEEPS), "Us")
# "Keep your messages to yourselves", "carry una message dey go".
BUILT |= dict.fromkeys(
    _joined(
        "keep,carry,waka with,dey go with,comot with,go with,pack",
        "your,ur,una,ya",
        "message,messages,msg,msgs,text,texts,txt,sms,call,calls,update,updates",
    ),
    "RT",
)
# Called names: "don't call me a fool" is about what is said, "stop it, fools" is not.
BUILT |= dict.fromkeys(_joined("a,an", "fool,idiot,mumu,olodo,ode,thief,liar,criminal,stupid"), "X")
# What others don't do is not what the writer refuses.
BUILT |= dict.fromkeys(_joined("dem,e,they,he,she", "no", "do,gree,want,wan,follow"), "X")
