"""Fields of the organisation's own: what lists hold beside names and places, kept and used."""

from collections.abc import Mapping

from obidient.clock import utcnow
from obidient.contacts.models import OwnField
from obidient.errors import Invalid

#: More of them would be a mistake in how a file was read.
MOST = 200


def keep(titles: Mapping[str, str]) -> None:
    """Note the fields that a file brings, name -> title. Raises Invalid when there are too many."""
    known = {row.name for row in OwnField.select()}
    news = {name: title for name, title in titles.items() if name not in known}
    if len(known) + len(news) > MOST:
        raise Invalid(
            f"There would be more than {MOST} fields of your own. Leave out columns that you "
            "don't need in texts or for looking people up."
        )
    rows = [
        {"name": name, "title": (title or name.replace("_", " "))[:120], "created_at": utcnow()}
        for name, title in news.items()
    ]
    if rows:
        OwnField.insert_many(rows).on_conflict(
            conflict_target=[OwnField.name], action="IGNORE"
        ).execute()


def own() -> dict[str, str]:
    """Name -> title of all of them, by title."""
    return {row.name: row.title for row in OwnField.select().order_by(OwnField.title)}
