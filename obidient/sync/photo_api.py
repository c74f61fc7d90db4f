"""`/api/sync/photos`: a photo of a result sheet, in pieces that may be lost and sent again."""

from typing import Any, Literal

from flask import Flask, Response, g, request
from pydantic import BaseModel, Field

from obidient import api, bodies
from obidient.accounts.tokens import requires
from obidient.api import ApiModel, json_response
from obidient.sync import limits, photos
from obidient.sync.models import Photo

photo_api = api.blueprint("sync_photos", "/api/sync/photos", "sync", "Results from polling agents")

_ID = r"^[A-Za-z0-9-]{8,64}$"


class PhotoIn(ApiModel):
    photo_id: str = Field(pattern=_ID, description="Made by the device")
    submission_id: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$")
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    size: int = Field(ge=1, le=photos.LARGEST)
    media_type: Literal["image/jpeg", "image/png", "image/webp"]


class PhotoOut(ApiModel):
    photo_id: str
    state: Literal["partial", "stored", "refused"]
    received: int = Field(description="Bytes that are here; go on from there")
    size: int
    message: str


class PhotoPath(BaseModel):
    photoId: str = Field(pattern=_ID)


class PiecePath(PhotoPath):
    offset: int = Field(ge=0, le=photos.LARGEST)


_PIECE: dict[str, Any] = {
    "requestBody": {
        "description": "Bytes of the photo, 1 MB at most",
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "minLength": 1}
            }
        },
    }
}


def register(app: Flask) -> None:
    api.register(app, photo_api)


def _out(photo: Photo) -> Response:
    return json_response(
        PhotoOut(
            photo_id=photo.photo_id,
            state=photo.state,  # type: ignore[arg-type]
            received=photo.received,
            size=photo.size,
            message=photo.reason,
        )
    )


@photo_api.post("", responses={200: PhotoOut}, security=api.BEARER)
@requires("sync")
def announce(body: PhotoIn) -> Response:
    """Announce a photo, or learn how much of it is here already."""
    limits.check(limits.PHOTOS, "photos")
    return _out(photos.begin(g.api_user, **body.model_dump()))


@photo_api.get("/<photoId>", responses={200: PhotoOut}, security=api.BEARER)
@requires("sync")
def state(path: PhotoPath) -> Response:
    """How much of a photo is here."""
    return _out(photos.of(g.api_user, path.photoId))


@photo_api.put(
    "/<photoId>/pieces/<int:offset>",
    responses={200: PhotoOut},
    security=api.BEARER,
    openapi_extensions=_PIECE,
)
@requires("sync")
@bodies.takes(photos.PIECE, told="A piece may have 1 MB at most.")
def piece(path: PiecePath) -> Response:
    """Add a piece that begins at a byte; a piece sent again changes nothing."""
    limits.check(limits.PHOTOS, "photos")
    return _out(photos.take(g.api_user, path.photoId, path.offset, request.get_data()))
