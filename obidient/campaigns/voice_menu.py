"""The keypad menu of a voice campaign: which keys there are, and what each is for."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from obidient import api
from obidient.errors import Invalid
from obidient.plugin import Choice

#: What a key may do -> what the person hears before pressing it, and after.
ACTIONS = {
    "repeat": ("To hear this again", ""),
    "callback": ("To be called back", "Thank you. We will call you back."),
    "stop": ("To get no more calls from us", "You will get no more calls from us. Goodbye."),
    "answer": ("", "Thank you. Goodbye."),
}
#: Two keys that people know from everywhere.
_KEYS = r"^[0-9]$"
_SPOKEN = r"^[^\x00-\x1f\x7f-\x9f]*$"
#: The usual menu.
USUAL = {
    "prompt": "",
    "choices": [
        {"key": "1", "action": "repeat", "label": "", "reply": ""},
        {"key": "2", "action": "callback", "label": "", "reply": ""},
        {"key": "9", "action": "stop", "label": "", "reply": ""},
    ],
}


class KeyIn(api.ApiModel):
    """`label` is what the key stands for, `reply` what is spoken once it is pressed."""

    key: str = Field(pattern=_KEYS)
    action: Literal["repeat", "callback", "stop", "answer"]
    label: str = Field("", max_length=100, pattern=_SPOKEN)
    reply: str = Field("", max_length=300, pattern=_SPOKEN)


class KeypadIn(api.ApiModel):
    """Keys people may press once they have heard the message; an empty prompt is put together."""

    prompt: str = Field("", max_length=500, pattern=_SPOKEN)
    choices: list[KeyIn] = Field(min_length=1, max_length=10)


def validate(given: Mapping[str, Any]) -> dict[str, Any]:
    """A menu as it is stored. Raises Invalid with what is wrong with it."""
    try:
        menu = KeypadIn.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("keypad", *first["loc"]))
        raise Invalid(f"Correct {place}: {first['msg']}.") from None
    keys = [one.key for one in menu.choices]
    if len(set(keys)) < len(keys):
        raise Invalid("A key of the keypad menu stands for two things. Give each its own.")
    if any(one.action == "answer" and not one.label for one in menu.choices):
        raise Invalid("Say in `label` what each answer of the keypad menu stands for.")
    return menu.model_dump()


def label(choice: Mapping[str, Any]) -> str:
    """What a key stands for, in words."""
    return str(choice["label"] or ACTIONS[choice["action"]][0])


def prompt(menu: Mapping[str, Any]) -> str:
    """What is spoken before a key is expected."""
    if menu["prompt"]:
        return str(menu["prompt"])
    sentences = []
    for one in menu["choices"]:
        said = label(one)
        wanted = f"For {said}" if one["action"] == "answer" else said
        sentences.append(f"{wanted}, press {one['key']}.")
    return " ".join(sentences)


def choices(menu: Mapping[str, Any]) -> tuple[Choice, ...]:
    """The keys as plugins see them."""
    return tuple(
        Choice(one["key"], one["action"], one["reply"] or ACTIONS[one["action"]][1])
        for one in menu["choices"]
    )
