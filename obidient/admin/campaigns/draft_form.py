"""What the composer's form says of a campaign, and what in it can't be read."""

from datetime import UTC
from typing import Any

from werkzeug.datastructures import MultiDict

from obidient.admin.base import local_moment
from obidient.admin.campaigns import split
from obidient.campaigns.sending.holds import PROMOTIONAL, TRANSACTIONAL
from obidient.campaigns.translations import LANGUAGES
from obidient.campaigns.voice import menu
from obidient.clock import utcnow
from obidient.config import parse_quiet_hours
from obidient.errors import Invalid


def audience_from(form: MultiDict[str, str]) -> dict[str, Any]:
    """The audience a form describes; an empty dict while nothing is chosen. Raises Invalid."""
    if form.get("everyone") == "yes":
        return {"everyone": True}
    found: dict[str, Any] = {}
    for key in ("states", "lgas", "tags", "lists"):
        found[key] = form.getlist(key)
    for key in ("wards", "pollingUnits"):
        found[key] = [code for code in form.get(key, "").replace(",", " ").split() if code]
    found["fields"] = _own(form)
    return found if any(found.values()) else {}


def _own(form: MultiDict[str, str]) -> dict[str, list[str]]:
    """Fields of one's own and their values, a line each; a line without a value is not filled in.

    One without a field must not be left out: more people would get it than were meant.
    """
    found: dict[str, list[str]] = {}
    for name, value in zip(form.getlist("own_field"), form.getlist("own_value"), strict=False):
        if not value.strip():
            continue
        if not name:
            raise Invalid(f"Choose which field of your own “{value.strip()[:40]}” is a value of.")
        found.setdefault(name, []).append(value.strip())
    return found


def values_from(form: MultiDict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a form says, and what in it can't be read; both by the name of the column."""
    values: dict[str, Any] = {
        "title": form.get("title", "").strip(),
        "message_template": form.get("message_template", ""),
        "provider": form.get("provider") or None,
        "keep_spelling": form.get("keep_spelling", "yes") == "yes",
    }
    given = {code: form[f"text_{code}"] for code in LANGUAGES if f"text_{code}" in form}
    if given:
        values["translations"] = {code: one for code, one in given.items() if one.strip()} or None
    if "message_class" in form:
        values["message_class"] = (
            TRANSACTIONAL if form["message_class"] == TRANSACTIONAL else PROMOTIONAL
        )
    if form.get("audio_asset_id", "").isdecimal():
        values["audio_asset_id"] = int(form["audio_asset_id"])
    elif "audio_asset_id" in form:
        values["audio_asset_id"] = None
    if "prompt" in form:
        values["keypad"] = menu.from_form(form)
    problems: dict[str, str] = {}
    for name, read in (
        ("audience", audience_from),
        ("throttled_rate", _pace),
        ("quiet_hours", _quiet),
        ("scheduled_at", _moment),
        *((("split", split.from_form),) if "split" in form else ()),
    ):
        try:
            values[name] = read(form)
        except Invalid as error:
            problems[name] = error.detail
    return values, problems


def _pace(form: MultiDict[str, str]) -> int | None:
    if form.get("pace") != "slow":
        return None
    given = form.get("throttled_rate", "").replace(",", "").strip()
    if not given.isdecimal() or not 1 <= int(given) <= 100_000_000:
        raise Invalid("Write how many messages an hour, e.g. 20000.")
    return int(given)


def _quiet(form: MultiDict[str, str]) -> str | None:
    choice = form.get("quiet", "usual")
    if choice == "usual":
        return None
    if choice == "none":
        return ""
    given = f"{form.get('quiet_from', '')}-{form.get('quiet_until', '')}"
    try:
        parse_quiet_hours(given)
    except ValueError:
        raise Invalid("Give both times of the quiet hours.") from None
    return given


def _moment(form: MultiDict[str, str]) -> Any:
    if form.get("when") != "later":
        return None
    moment = local_moment(form.get("scheduled_at", "")).astimezone(UTC).replace(tzinfo=None)
    if moment <= utcnow():
        raise Invalid("This time has passed. Choose one in the future, or send now.")
    return moment
