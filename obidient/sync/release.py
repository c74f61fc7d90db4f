"""Photos of sheets shown to the public: released by an admin, withdrawn again, served plain.

Only what stands here is public: a photo that comes later is not, until somebody releases it.
"""

from typing import Any

from flask import Blueprint, Response, request
from peewee import SQL, Value, fn

from obidient.accounts import audit
from obidient.areas import ROOT_CODE, STATES, area_name, level_of, unit_bounds
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results import elections, generation
from obidient.results.models import Submission, UnitResult
from obidient.results.units.api import check_pace
from obidient.results.units.models import ReleasedPhoto
from obidient.sync import photos
from obidient.sync.devices import USER
from obidient.sync.models import Photo

blueprint = Blueprint("sheet_photos", __name__, url_prefix="/results/photos")


@blueprint.get("/<int:number>.jpg")
def photo(number: int) -> Response:
    """A released photo: drawn anew, so nothing is in it but the picture.

    Asked for again each time it is looked at, so that it is gone once it is withdrawn.
    """
    check_pace()
    row: ReleasedPhoto | None = ReleasedPhoto.get_or_none(ReleasedPhoto.id == number)
    if row is None:
        raise NotFound("There is no such photo.")
    response = Response(photos.shown(row.photo_id), content_type="image/jpeg")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    response.add_etag()
    response.make_conditional(request)
    return response


# ---- release and withdraw -----------------------------------------------------------------------


def release(election_id: str, photo_id: str) -> None:
    """Show one photo to the public. Raises NotFound, Conflict for one of no sheet we know."""
    election = elections.get(election_id)
    sheet = (
        Submission.select()
        .join(Photo, on=_shows())
        .where(
            Photo.photo_id == photo_id,
            Photo.state == "stored",
            Submission.election_id == election_id,
            Submission.status.in_(("accepted", "superseded")),
        )
        .order_by(Submission.id.desc())
        .first()
    )
    if sheet is None:
        raise Conflict("It belongs to no sheet that was taken in this election.")
    # What the public will see is made now: a photo that the store has lost is told to the admin.
    photos.shown(photo_id)
    with db.atomic():
        added = _insert(
            ReleasedPhoto.insert(
                photo_id=photo_id,
                election_id=election_id,
                unit_code=sheet.unit_code,
                submission=sheet.id,
                released_at=utcnow(),
                released_by=audit.actor_name(),
            )
        )
        if added:
            _note("released", 1, election.name, sheet.unit_code, election_id)
    generation.invalidate(election_id)


def withdraw(election_id: str, photo_id: str) -> None:
    """Take one photo back. Raises NotFound when it is not public."""
    election = elections.get(election_id)
    row: ReleasedPhoto | None = ReleasedPhoto.get_or_none(
        ReleasedPhoto.photo_id == photo_id, ReleasedPhoto.election_id == election_id
    )
    if row is None:
        raise NotFound("This photo is not public.")
    with db.atomic():
        row.delete_instance()
        _note("withdrawn", 1, election.name, row.unit_code, election_id)
    generation.invalidate(election_id)


def release_area(election_id: str, area: str) -> int:
    """Show the photos of all sheets of an area that count and that nobody doubts; how many are new.

    State by state, each in a transaction of its own: intake goes on meanwhile, and whoever is cut
    off asks again. Raises NotFound, Invalid.
    """
    name, now = elections.get(election_id).name, utcnow()
    number = 0
    for part in _parts(election_id, area):
        with db.atomic():
            added = _insert(ReleasedPhoto.insert_from(_due(election_id, part, now), _FIELDS))
            if added:
                _note("released", added, name, part, election_id)
        number += added
    generation.invalidate(election_id)
    return number


def withdraw_area(election_id: str, area: str) -> int:
    """Take back all photos of an area; how many there were. Raises NotFound, Invalid."""
    name = elections.get(election_id).name
    number = 0
    for part in _parts(election_id, area):
        with db.atomic():
            gone = ReleasedPhoto.delete().where(*_released_in(election_id, part)).execute()
            if gone:
                _note("withdrawn", gone, name, part, election_id)
        number += gone
    generation.invalidate(election_id)
    return number


def numbers(election_id: str) -> list[tuple[str, int]]:
    """(state, released photos) of an election, by code of the state."""
    state = fn.SUBSTR(ReleasedPhoto.unit_code, 1, 2)
    rows: Any = ReleasedPhoto.select(state, fn.COUNT(ReleasedPhoto.id)).where(
        ReleasedPhoto.election_id == election_id
    )
    # By its place: to PostgreSQL two parameters of the same value are two expressions.
    return list(rows.group_by(SQL("1")).order_by(SQL("1")).tuples())


def public_ids(photo_ids: list[str]) -> set[str]:
    """Which of these photos the public sees."""
    rows = ReleasedPhoto.select(ReleasedPhoto.photo_id).where(ReleasedPhoto.photo_id.in_(photo_ids))
    return {row.photo_id for row in rows} if photo_ids else set()


_FIELDS = [
    ReleasedPhoto.photo_id,
    ReleasedPhoto.election_id,
    ReleasedPhoto.unit_code,
    ReleasedPhoto.submission,
    ReleasedPhoto.released_at,
    ReleasedPhoto.released_by,
]


def _parts(election_id: str, area: str) -> list[str]:
    """The states of an area, or the area itself when it is smaller."""
    limit = elections.get(election_id).area_code
    code = area.strip() or limit
    level = level_of(code)
    if level == "unit":
        raise Invalid("Release the photo of one unit on its own page in the results room.")
    if code != ROOT_CODE and limit not in (ROOT_CODE, code) and not code.startswith(f"{limit}-"):
        raise Invalid("This area does not vote in this election.")
    if code == ROOT_CODE:
        return sorted(STATES) if limit == ROOT_CODE else [limit]
    return [code]


def _shows() -> Any:
    """Which sheet a photo shows: one with the id it names, by the agent who took it."""
    user = fn.SUBSTR(Submission.agent, len(USER) + 1)
    return (
        (Submission.submission_id == Photo.submission_id)
        & Submission.agent.startswith(USER)
        & (user == Photo.user_id.cast("TEXT"))
    )


def _due(election_id: str, area: str, now: Any) -> Any:
    unit = UnitResult
    return (
        unit.select(
            Photo.photo_id,
            unit.election_id,
            unit.unit_code,
            Submission.id,
            Value(now),
            Value(audit.actor_name()),
        )
        .join(Submission, on=(Submission.id == unit.submission))
        .join(Photo, on=_shows())
        .where(
            unit.election_id == election_id,
            unit.unit_code.between(*unit_bounds(area)),
            ~unit.in_review,
            Photo.state == "stored",
        )
    )


def _insert(query: Any) -> int:
    """Insert what is not there yet; how many rows."""
    before = query.on_conflict(conflict_target=[ReleasedPhoto.photo_id], action="IGNORE")
    return int(before.as_rowcount().execute())


def _released_in(election_id: str, area: str) -> tuple[Any, Any]:
    table = ReleasedPhoto
    return table.election_id == election_id, table.unit_code.between(*unit_bounds(area))


def _note(what: str, number: int, election: str, area: str, election_id: str) -> None:
    photos_ = "1 photo" if number == 1 else f"{number:,} photos"
    verb = "Showed the public" if what == "released" else "Took back from the public"
    audit.record(
        f"photos.{what}",
        f"{verb} {photos_} of sheets of {area_name(area)} ({area}), {election}",
        "election",
        election_id,
    )
