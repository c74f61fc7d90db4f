"""The keypad menu of a voice campaign: which keys there are, and what each is for."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from obidient import api
from obidient.plugin import Choice

#: What a key may do -> what the person hears before pressing it, and after.
ACTIONS = {
    "repeat": ("To hear this again", ""),
    "callback": ("To be called back", "Thank you. We will call you back."),
    # Every message, not calls alone: so they say both.
    "stop": (
        "To get no more calls or texts from us",
        "You will get no more calls or texts from us. Goodbye.",
    ),
    "answer": ("", "Thank you. Goodbye."),
}
#: As on a phone.
KEYS = "1234567890"
_SPOKEN = r"^[^\x00-\x1f\x7f-\x9f]*$"
Key = Annotated[str, Field(pattern=r"^[0-9]$")]


class KeyIn(api.ApiModel):
    """`label` is what the key stands for, `reply` what is spoken once it is pressed."""

    action: Literal["repeat", "callback", "stop", "answer"]
    label: str = Field("", max_length=100, pattern=_SPOKEN)
    reply: str = Field("", max_length=300, pattern=_SPOKEN)


class KeypadIn(api.ApiModel):
    """Keys people may press once they have heard the message; an empty prompt is put together."""

    prompt: str = Field("", max_length=500, pattern=_SPOKEN)
    keys: dict[Key, KeyIn] = Field(
        min_length=1,
        max_length=10,
        description='{"1": {"action": "repeat"}, "9": {"action": "stop"}}',
    )


#: The usual menu.
USUAL: dict[str, Any] = {
    "prompt": "",
    "keys": {
        "1": {"action": "repeat", "label": "", "reply": ""},
        "2": {"action": "callback", "label": "", "reply": ""},
        "9": {"action": "stop", "label": "", "reply": ""},
    },
}


def from_form(form: Mapping[str, str]) -> dict[str, Any] | None:
    """A menu as the composer's form has it; None when no key does anything."""
    keys = {
        key: {
            "action": form[f"key_{key}"],
            "label": form.get(f"label_{key}", "").strip()[:100],
            "reply": form.get(f"reply_{key}", "").strip()[:300],
        }
        for key in KEYS
        if form.get(f"key_{key}") in ACTIONS
    }
    return {"prompt": form.get("prompt", "").strip()[:500], "keys": keys} if keys else None


def validate(given: Mapping[str, Any]) -> dict[str, Any]:
    """A menu as it is stored. Raises Invalid with what is wrong with it."""
    try:
        return KeypadIn.model_validate(given).model_dump()
    except ValidationError as error:
        raise api.unfit(error, within=("keypad",)) from None


def choices(menu: Mapping[str, Any] | None) -> tuple[Choice, ...]:
    """The keys in their order, 0 last as on a phone, as plugins see them."""
    found = menu["keys"] if menu else {}
    return tuple(
        Choice(key, found[key]["action"], found[key]["reply"] or ACTIONS[found[key]["action"]][1])
        for key in sorted(found, key=lambda one: (one == "0", one))
    )


def label(menu: Mapping[str, Any], choice: Choice) -> str:
    """What a key stands for, in words."""
    given = str(menu["keys"][choice.key]["label"])
    return given or ACTIONS[choice.action][0] or f"Answer {choice.key}"


def prompt(menu: Mapping[str, Any]) -> str:
    """What is spoken before a key is expected."""
    if menu["prompt"]:
        return str(menu["prompt"])
    said = []
    for one in choices(menu):
        words = label(menu, one)
        said.append(f"{f'For {words}' if one.action == 'answer' else words}, press {one.key}.")
    return " ".join(said)
