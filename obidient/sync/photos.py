"""Photos of result sheets: taken in piece by piece, checked, and shown without where and when.

The picture as it came is kept as evidence. What people see is drawn anew from it, so nothing of
what a phone writes into its pictures (place, owner, time) is shown.
"""

import hashlib
import threading
import warnings
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import TooManyRequests

from obidient.accounts.models import User
from obidient.clock import utcnow
from obidient.database import db, locked
from obidient.errors import Conflict, Invalid, NotFound
from obidient.sync import storage
from obidient.sync.models import Photo

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 10 * 2**20
PIECE = 2**20
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
#: A picture of a few kilobytes can unpack to gigabytes. A plain JPEG is made smaller while it is
#: unpacked, so that a phone's largest setting does no harm; others are unpacked as a whole.
MOST_PIXELS, MOST_PLAIN_PIXELS = 60_000_000, 170_000_000
#: Of one agent and day: many more than a day has sheets, and no way to fill the store.
MOST_A_DAY = 100
#: One picture at a time is unpacked in a process: several large ones would use up its memory.
_unpacking = threading.Lock()
SHOWN_SIDE = 2_000


def begin(
    user: User, photo_id: str, submission_id: str, sha256: str, size: int, media_type: str
) -> Photo:
    """Announce a photo, or find out how much of it is here.

    Raises Conflict for a taken id, and 429 for too many in a day.
    """
    if size > LARGEST:
        raise Invalid(f"A photo may have {LARGEST // 2**20} MB at most. Take a smaller one.")
    if media_type not in FORMATS:
        raise Invalid("Send the photo as JPEG, PNG or WebP.")
    with db.atomic():
        # Held to the end, so that of several announced at once each is counted by the next.
        locked(User.select(User.id).where(User.id == user.id)).get()
        _check_number(user, photo_id)
        Photo.insert(
            photo_id=photo_id,
            user_id=user.id,
            submission_id=submission_id,
            sha256=sha256.lower(),
            size=size,
            media_type=media_type,
            received=0,
            state="partial",
            reason="",
            created_at=utcnow(),
            updated_at=utcnow(),
        ).on_conflict(conflict_target=[Photo.photo_id], action="IGNORE").execute()
    found = _checked(user, photo_id)
    if (found.sha256, found.size) != (sha256.lower(), size):
        raise Conflict("Another photo came under this id. Send this one under a new id.")
    return found


def _check_number(user: User, photo_id: str) -> None:
    known = Photo.select().where(Photo.user_id == user.id, Photo.photo_id == photo_id).exists()
    if not known and _lately(user).count() >= MOST_A_DAY:
        raise TooManyRequests(
            f"{MOST_A_DAY} photos came from you in a day. Nothing is lost: send this one tomorrow.",
            retry_after=3600,
        )


def _lately(user: User) -> Any:
    day = utcnow() - timedelta(days=1)
    return Photo.select().where(Photo.user_id == user.id, Photo.created_at > day)


def of(user: User, photo_id: str) -> Photo:
    """An agent's own photo. Raises NotFound."""
    found: Photo | None = Photo.get_or_none(Photo.photo_id == photo_id, Photo.user_id == user.id)
    if found is None:
        raise NotFound("No photo was announced under this id. Announce it first.")
    return found


def take(user: User, photo_id: str, offset: int, piece: bytes) -> Photo:
    """Add a piece. One that is here already changes nothing; a gap raises Conflict.

    The store may be slow, so no transaction is open meanwhile: what is here grows in one guarded
    statement, and of two that send the same piece one is late.
    """
    photo = _checked(user, photo_id)
    if not piece:
        raise Invalid("The piece is empty. Send its bytes as the body.")
    if photo.state != "partial" or offset + len(piece) <= photo.received:
        return photo
    if offset != photo.received:
        raise Conflict(f"Go on from byte {photo.received}.")
    if offset + len(piece) > photo.size:
        raise Invalid("The piece goes beyond the size that was announced.")
    storage.current().put(_piece(photo, offset), piece, "application/octet-stream")
    _move(photo, received=offset + len(piece))
    return _checked(user, photo_id)


def _checked(user: User, photo_id: str) -> Photo:
    """A photo as it is; once all of it is here, looked at, also when somebody died over that."""
    photo = of(user, photo_id)
    if photo.state == "partial" and photo.received == photo.size:
        _finish(photo)
        photo = of(user, photo_id)
    return photo


def _move(photo: Photo, **values: Any) -> bool:
    """Change a photo that still is as we know it."""
    as_known = (Photo.received == photo.received) & (Photo.state == "partial")
    changed = Photo.update(updated_at=utcnow(), **values).where(
        Photo.photo_id == photo.photo_id, as_known
    )
    return bool(changed.execute())


def _piece(photo: Photo, offset: int) -> str:
    return f"pieces/{photo.user_id}/{photo.photo_id}/{offset:08d}"


def _original(photo: Photo) -> str:
    return f"photos/{photo.sha256[:2]}/{photo.sha256}-{photo.photo_id}.original"


def _shown(photo: Photo) -> str:
    return f"photos/{photo.sha256[:2]}/{photo.sha256}-{photo.photo_id}.jpg"


def _finish(photo: Photo) -> None:
    """All bytes are here: is it what was announced, and is it a picture?"""
    store = storage.current()
    data, keys = b"", []
    while len(data) < photo.size:
        keys.append(_piece(photo, len(data)))
        piece = store.get(keys[-1])
        if piece is None:
            # The store has lost a piece: the device sends from there.
            _move(photo, received=len(data))
            return
        data += piece
    flaw = _flaw(photo, data)
    if not flaw:
        store.put(_original(photo), data, photo.media_type)
    if _move(photo, state="refused" if flaw else "stored", reason=flaw):
        for key in keys:
            store.delete(key)


def _flaw(photo: Photo, data: bytes) -> str:
    """Why it can't be taken, in a sentence; empty when it can."""
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        return "The photo was damaged on its way. Take it again."
    try:
        with _unpacking:
            picture = _open(data, FORMATS[photo.media_type])
            picture.draft("RGB", (64, 64))
            picture.load()
    except TooManyPixels as error:
        return str(error)
    except (OSError, ValueError, SyntaxError):
        return "This is no picture that can be read. Take it again."
    return ""


class TooManyPixels(Exception):
    """The sentence says how many, and what to do."""

    def __init__(self, pixels: int | None, most: int) -> None:
        has = f"has {pixels // 1_000_000} million pixels" if pixels else "has far too many pixels"
        super().__init__(
            f"The photo {has}; at most {most // 1_000_000} million are taken. Set the camera to a "
            "smaller size and take it again."
        )


def _open(data: bytes, kind: str) -> "Image.Image":
    """Pillow is loaded when the first photo comes."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            picture = Image.open(BytesIO(data), formats=[kind])
        except Image.DecompressionBombError:
            raise TooManyPixels(None, MOST_PIXELS) from None
    pixels = picture.width * picture.height
    is_plain = kind == "JPEG" and not picture.info.get("progressive")
    most = MOST_PLAIN_PIXELS if is_plain else MOST_PIXELS
    if pixels > most:
        raise TooManyPixels(pixels, most)
    return picture


def shown(photo_id: str) -> bytes:
    """A JPEG for people to look at, with nothing in it but the picture. Raises NotFound."""
    photo: Photo | None = Photo.get_or_none(Photo.photo_id == photo_id, Photo.state == "stored")
    store = storage.current()
    kept = store.get(_shown(photo)) if photo else None
    if photo is None or kept is not None:
        if kept is None:
            raise NotFound("There is no such photo.")
        return kept
    data = store.get(_original(photo))
    if data is None:
        raise NotFound("The photo is not in the store any more.")
    with _unpacking:
        clean = _redrawn(data, FORMATS[photo.media_type])
    store.put(_shown(photo), clean, "image/jpeg")
    return clean


def _redrawn(data: bytes, kind: str) -> bytes:
    """Upright, at most 2,000 pixels a side, pixels only."""
    from PIL import Image, ImageOps

    picture = _open(data, kind)
    picture.draft("RGB", (SHOWN_SIDE, SHOWN_SIDE))
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    plain = Image.new("RGB", upright.size)
    plain.paste(upright)
    out = BytesIO()
    plain.save(out, "JPEG", quality=82)
    return out.getvalue()
