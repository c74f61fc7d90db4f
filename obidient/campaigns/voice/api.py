"""Recordings and the keys that people press, over HTTP."""

from collections.abc import Callable
from functools import wraps
from typing import IO, Annotated, Any, ParamSpec

from flask import Response, g, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field, ValidationError
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from obidient import api, bodies
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.schemas import CampaignPath
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.voice import keys as pressed
from obidient.campaigns.voice import links, recordings
from obidient.clock import isoformat
from obidient.errors import Invalid
from obidient.idempotency import idempotent

P = ParamSpec("P")
_TITLE = r"^[^\x00]*[^\x00\s][^\x00]*$"
#: The form's own fields come on top of the file.
LARGEST_BODY = recordings.LARGEST + 64 * 1024


class AudioIn(api.ApiModel):
    """A recording elsewhere. Send a file as multipart/form-data instead to keep it here."""

    title: str = Field(min_length=1, max_length=200, pattern=_TITLE)
    url: Annotated[
        str,
        Field(
            max_length=1000,
            pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*$",
            description="Where the network fetches the recording",
        ),
        api.written("write the recording's https address, as https://example.org/a.mp3"),
    ]


class AudioOut(api.ApiModel):
    """`duration` is in seconds; `problem` says why the network could not play it."""

    id: int
    title: str
    url: str
    created_at: str | None
    content_type: str
    size: int | None
    duration: float | None
    problem: str


class AudioPage(api.ApiModel):
    items: list[AudioOut]
    next_cursor: str | None


class AudioPath(BaseModel):
    id: int = Field(ge=1, le=2**31 - 1)


def audio_out(row: AudioAsset) -> AudioOut:
    """The JSON of one recording."""
    return AudioOut(
        id=row.id,
        title=row.title,
        url=recordings.address(row),
        created_at=isoformat(row.created_at),
        content_type=row.content_type,
        size=row.size,
        duration=row.seconds,
        problem=row.problem,
    )


#: Described by hand: the endpoint takes JSON as well as a form, and no schema can say which bytes
#: are a recording.
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "JSON with the https address of a recording. Or multipart/form-data with "
        "the recording itself in `file` (any that phones make, 16 MB and 10 minutes at most) and "
        "`title`.",
        "content": {"application/json": {"schema": AudioIn.model_json_schema(by_alias=True)}},
    }
}


class KeyOut(api.ApiModel):
    """`people` is how many pressed it, each counted once."""

    key: str
    action: str
    label: str
    people: int


class AnswersOut(api.ApiModel):
    """Calls made and taken, retries included; `seconds` is how long people listened in all."""

    made: int
    answered: int
    seconds: int
    keys: list[KeyOut]


def register(blueprint: APIBlueprint) -> None:
    """Put the endpoints on the campaigns' blueprint, which checks the token."""

    @blueprint.get("/audio-assets", responses={200: AudioPage}, security=api.BEARER)
    def list_audio_assets(query: api.PageQuery) -> Response:
        """Recordings for voice campaigns, newest first."""
        rows, cursor = api.page(AudioAsset.select(), AudioAsset.id, query)
        page = AudioPage(items=[audio_out(row) for row in rows], next_cursor=cursor)
        return api.json_response(page)

    @blueprint.post(
        "/audio-assets",
        responses={201: AudioOut},
        security=api.BEARER,
        openapi_extensions=_BODY,
    )
    @bodies.takes(LARGEST_BODY, told=recordings.TOO_LARGE)
    @_prepared
    @idempotent
    def create_audio_asset() -> Response:
        """Upload a recording (multipart, field `file`), or name one by its https address."""
        if request.mimetype == "multipart/form-data":
            row = _upload()
        elif request.mimetype == "application/json":
            row = _link()
        else:
            raise UnsupportedMediaType("Send a file as multipart/form-data, or JSON with a url.")
        return api.json_response(audio_out(row), 201)

    @blueprint.delete(
        "/audio-assets/<int:id>", responses={204: {"description": "Gone"}}, security=api.BEARER
    )
    def delete_audio_asset(path: AudioPath) -> Response:
        """Throw away a recording that no campaign plays."""
        recordings.remove(path.id)
        return Response(status=204)

    @blueprint.get("/campaigns/<int:id>/answers", responses={200: AnswersOut}, security=api.BEARER)
    def campaign_answers(path: CampaignPath) -> Response:
        """How many people pressed which key of a voice campaign's menu."""
        campaign = lifecycle.get(path.id)
        keys = [KeyOut(**one) for one in pressed.answers(campaign)]
        return api.json_response(AnswersOut(**pressed.calls(campaign.id), keys=keys))


def _prepared(view: Callable[P, Response]) -> Callable[P, Response]:
    """Convert an upload before the view's transaction begins: it would hold up every writer."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        if request.mimetype == "multipart/form-data":
            if "Idempotency-Key" in request.headers:
                # Kept: a repetition is known by the bytes, and the form is read from them.
                request.get_data()
            title, name, stream = _given()
            g.upload = title, name, stream, recordings.prepare(stream)
        return view(*args, **kwargs)

    return guarded


def _upload() -> AudioAsset:
    return recordings.add_file(*g.upload)


def _given() -> tuple[str, str, IO[bytes]]:
    """Title, name and bytes of the file in the form."""
    file: FileStorage | None = request.files.get("file")
    if file is None or not file.filename:
        raise Invalid("Send the recording in the field `file`.")
    name = file.filename.replace("\x00", "")
    title = request.form.get("title", "").replace("\x00", "").strip() or name.rpartition("/")[2]
    if not title.strip() or len(title) > 200:
        raise Invalid("Give the recording a title of 200 characters at most.")
    return title, name, file.stream


def _link() -> AudioAsset:
    row = add_link(request.get_json(silent=True))
    links.check_later(row.id)
    return row


def add_link(given: Any) -> AudioAsset:
    """Name a recording by its address. Raises Invalid with what is wrong with it."""
    try:
        body = AudioIn.model_validate(given)
    except ValidationError as error:
        raise api.unfit(error) from None
    return recordings.add_link(body.title, body.url)
