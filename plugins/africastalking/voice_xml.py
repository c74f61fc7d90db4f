"""The network's XML: what the phone is to do next, escaped whatever the text may be.

A few verbs of their voice documentation: Say, Play, GetDigits, Redirect.
"""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from obidient.plugin import Choice, Script

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
CONTENT_TYPE = "application/xml; charset=utf-8"
#: What XML 1.0 can't hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Seconds to wait for a key.
WAIT = 10


def clean(text: str) -> str:
    """Text without the characters that no XML may hold."""
    return _FORBIDDEN.sub("", text)


class Answer:
    """Puts a response together, a verb after another."""

    def __init__(self) -> None:
        self._root = Element("Response")

    def say(self, text: str, voice: str = "") -> "Answer":
        _say(self._root, text, voice)
        return self

    def play(self, url: str) -> "Answer":
        SubElement(self._root, "Play", {"url": clean(url)})
        return self

    def ask(self, prompt: str, address: str, voice: str = "") -> "Answer":
        """Speak, wait for one key, and report it to `address`."""
        attributes = {"numDigits": "1", "timeout": str(WAIT), "callbackUrl": clean(address)}
        _say(SubElement(self._root, "GetDigits", attributes), prompt, voice)
        return self

    def redirect(self, address: str) -> "Answer":
        SubElement(self._root, "Redirect").text = clean(address)
        return self

    def __str__(self) -> str:
        return HEAD + tostring(self._root, encoding="unicode")


def _say(parent: Element, text: str, voice: str) -> None:
    SubElement(parent, "Say", {"voice": clean(voice)} if voice else {}).text = clean(text)


def greeting(script: Script, address: str, voice: str = "") -> str:
    """What a call begins with: the message, then the menu if there is one."""
    answer = Answer()
    if script.audio_url:
        answer.play(script.audio_url)
    elif script.text.strip():
        answer.say(script.text, voice)
    if script.choices:
        answer.ask(script.prompt, address, voice)
    return str(answer)


def after_key(script: Script, choice: Choice | None, address: str, voice: str = "") -> str:
    """What follows a key: the message again, the menu again, or a last word."""
    if choice is None:
        return str(Answer().ask(script.prompt, address, voice)) if script.choices else goodbye()
    if choice.action == "repeat":
        return greeting(script, address, voice)
    return str(Answer().say(choice.reply, voice)) if choice.reply else goodbye()


def goodbye() -> str:
    """Ends the call."""
    return str(Answer())


def reply_to(form: Mapping[str, str], script: Script | None, address: str, voice: str = "") -> str:
    """The answer to one callback of a call in progress."""
    if form.get("isActive", "").strip() != "1" or script is None:
        return goodbye()
    key = form.get("dtmfDigits", "").strip()
    if not key:
        return greeting(script, address, voice)
    return after_key(script, script.choice(key[:1]), address, voice)
