"""Photos of result sheets: in pieces that get lost, checked, and shown without where and when."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from results_world import UNITS

from obidient.accounts import tokens
from obidient.accounts.models import User
from obidient.config import ConfigError, Settings
from obidient.database import db
from obidient.errors import NotFound
from obidient.sync import photos, storage
from obidient.sync.models import Photo

URL = "/api/sync/photos"
ID = "photo-0001"


def picture(kind: str = "JPEG", size: tuple[int, int] = (900, 600)) -> bytes:
    """A noisy picture that says where it was taken."""
    made = Image.effect_noise(size, 80).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "Maker of the phone"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (6.0, 27.0, 0.0)
    out = io.BytesIO()
    made.save(out, kind, exif=exif)
    return out.getvalue()


@pytest.fixture
def agent(make_user: Callable[..., Any]) -> dict[str, str]:
    user = make_user("agent", polling_unit_code=UNITS[0])
    return {"Authorization": f"Bearer {tokens.issue(user, 'phone', ['sync'])}"}


def announce(client: FlaskClient, auth: dict[str, str], data: bytes, **more: Any) -> Any:
    body = {
        "photoId": ID,
        "submissionId": "s-1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "mediaType": "image/jpeg",
    }
    return client.post(URL, json=body | more, headers=auth)


def put(client: FlaskClient, auth: dict[str, str], offset: int, piece: bytes) -> Any:
    return client.put(
        f"{URL}/{ID}/pieces/{offset}",
        data=piece,
        content_type="application/octet-stream",
        headers=auth,
    )


def send_all(client: FlaskClient, auth: dict[str, str], data: bytes, step: int = 40_000) -> Any:
    answer = announce(client, auth, data)
    for offset in range(0, len(data), step):
        answer = put(client, auth, offset, data[offset : offset + step])
        assert answer.status_code == 200
    return answer


@pytest.mark.both
@pytest.mark.slow
def test_a_photo_comes_in_pieces_and_is_shown_without_place_and_maker(
    client: FlaskClient, agent: dict[str, str]
) -> None:
    data = picture()
    assert b"Maker" in data
    assert announce(client, agent, data).json["received"] == 0
    assert send_all(client, agent, data).json["state"] == "stored"
    shown = photos.shown(ID)
    assert b"Maker" not in shown and b"Exif" not in shown
    with Image.open(io.BytesIO(shown)) as seen:
        assert not seen.getexif()
        # Turned as the phone said, since that note is gone.
        assert seen.size == (600, 900)
    assert photos.shown(ID) == shown


@pytest.mark.both
def test_a_piece_without_bytes_or_beyond_the_size_is_refused(
    client: FlaskClient, agent: dict[str, str]
) -> None:
    data = picture()
    announce(client, agent, data)
    assert put(client, agent, 0, b"").status_code == 422
    assert put(client, agent, 0, data + b"x").status_code == 422
    assert put(client, agent, 0, data[:100]).json["received"] == 100
    assert put(client, agent, 0, b"").status_code == 422


@pytest.mark.slow
def test_pieces_lost_repeated_and_out_of_order_end_the_same(
    client: FlaskClient, agent: dict[str, str]
) -> None:
    data = picture()
    announce(client, agent, data)
    assert put(client, agent, 0, data[:50_000]).json["received"] == 50_000
    # The answer was lost: the same piece again.
    assert put(client, agent, 0, data[:50_000]).json["received"] == 50_000
    gap = put(client, agent, 70_000, data[70_000:80_000])
    assert (gap.status_code, gap.json["detail"]) == (409, "Go on from byte 50000.")
    # The phone was off for a night, and asks where to go on.
    assert announce(client, agent, data).json["received"] == 50_000
    assert client.get(f"{URL}/{ID}", headers=agent).json["received"] == 50_000
    for offset in range(50_000, len(data), 30_000):
        last = put(client, agent, offset, data[offset : offset + 30_000])
    assert last.json["state"] == "stored"
    assert put(client, agent, 0, b"other").json["state"] == "stored"


@pytest.mark.slow
def test_a_damaged_photo_and_what_is_no_picture_are_refused(
    client: FlaskClient, agent: dict[str, str]
) -> None:
    data = picture()
    announce(client, agent, data, sha256="0" * 64)
    answer = put(client, agent, 0, data)
    assert (answer.json["state"], "damaged" in answer.json["message"]) == ("refused", True)
    for number, wrong in enumerate(
        [b"<script>alert(1)</script>", picture("PNG", (200, 100)), data[:-9000]]
    ):
        name = f"photo-1{number:03d}"
        announce(client, agent, wrong, photoId=name)
        answer = client.put(f"{URL}/{name}/pieces/0", data=wrong, headers=agent)
        assert (number, answer.json["state"]) == (number, "refused")
    with pytest.raises(NotFound):
        photos.shown(ID)


@pytest.mark.slow
def test_a_picture_that_unpacks_to_gigabytes_is_refused(
    client: FlaskClient, agent: dict[str, str]
) -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    data = out.getvalue()
    announce(client, agent, data, mediaType="image/png")
    assert put(client, agent, 0, data).json["state"] == "refused"


def test_size_and_type_are_checked_before_anything_is_sent(
    client: FlaskClient, agent: dict[str, str]
) -> None:
    assert announce(client, agent, b"x", size=photos.LARGEST + 1).status_code == 422
    assert announce(client, agent, b"x", mediaType="image/svg+xml").status_code == 422
    assert announce(client, agent, b"x", photoId="../../etc").status_code == 422
    announce(client, agent, b"x" * 100)
    large = put(client, agent, 0, b"x" * (photos.PIECE + 1))
    assert (large.status_code, large.json["detail"]) == (413, "A piece may have 1 MB at most.")
    assert put(client, agent, 0, b"x" * 101).status_code == 422


def test_a_photo_whose_last_look_was_cut_off_is_looked_at_when_asked_for(
    client: FlaskClient, agent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture()
    announce(client, agent, data)
    with monkeypatch.context() as broken:
        broken.setattr(photos, "_finish", lambda photo: None)
        left = put(client, agent, 0, data).json
        assert (left["state"], left["received"]) == ("partial", len(data))
    assert announce(client, agent, data).json["state"] == "stored"


@pytest.mark.both
@pytest.mark.slow
def test_a_piece_that_the_store_lost_is_asked_for_again(
    client: FlaskClient, agent: dict[str, str], app: Flask
) -> None:
    data = picture()
    announce(client, agent, data)
    put(client, agent, 0, data[:30_000])
    put(client, agent, 30_000, data[30_000:50_000])
    with app.app_context():
        storage.current().delete(photos._piece(Photo.get(), 30_000))
    assert put(client, agent, 50_000, data[50_000:]).json["received"] == 30_000
    assert put(client, agent, 30_000, data[30_000:]).json["state"] == "stored"


@pytest.mark.both
@pytest.mark.slow
def test_two_windows_that_send_one_photo_store_it_once(
    client: FlaskClient, app: Flask, agent: dict[str, str]
) -> None:
    data = picture()
    announce(client, agent, data)
    states: list[str] = []

    def window(step: int) -> None:
        mine, at = app.test_client(), 0
        for _ in range(200):
            put(mine, agent, at, data[at : at + step])
            known = mine.get(f"{URL}/{ID}", headers=agent).json
            if known["state"] != "partial":
                states.append(known["state"])
                return
            at = known["received"]

    windows = [threading.Thread(target=window, args=(step,)) for step in (9_000, 31_000, 64_000)]
    for one in windows:
        one.start()
    for one in windows:
        one.join()
    assert states and set(states) == {"stored"}
    assert photos.shown(ID)


def test_an_agent_can_not_fill_the_store(
    client: FlaskClient, agent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "MOST_A_DAY", 2)
    for number in range(2):
        assert announce(client, agent, b"x", photoId=f"photo-{number:04d}").status_code == 200
    refused = announce(client, agent, b"x", photoId="photo-0009")
    assert (refused.status_code, "Nothing is lost" in refused.json["detail"]) == (429, True)
    # Those that are known already go on.
    assert announce(client, agent, b"x", photoId="photo-0000").status_code == 200


def test_a_photo_is_announced_without_a_look_at_those_of_other_agents(
    app: Flask, make_user: Callable[..., Any]
) -> None:
    sql, values = photos._lately(make_user("agent")).sql()
    assert "photo_agent" in str(db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())


@pytest.mark.slow
def test_nobody_writes_into_another_agents_photo(
    client: FlaskClient, agent: dict[str, str], auth: Callable[..., dict[str, str]]
) -> None:
    data = picture()
    announce(client, agent, data)
    other = auth("agent")
    assert announce(client, other, data).status_code == 404
    assert put(client, other, 0, data).status_code == 404
    assert Photo.get().received == 0


# ---- where they are kept -----------------------------------------------------------------------


class S3(BaseHTTPRequestHandler):
    """As much of S3 as the client asks for."""

    objects: dict[str, bytes] = {}

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", kind: str = "application/xml") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Mon, 01 Mar 2027 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        assert "Credential=KEY/" in self.headers["Authorization"]
        length = int(self.headers["Content-Length"])
        self.objects[self.path] = self.rfile.read(length)
        self._answer(200)

    def do_GET(self) -> None:
        found = self.objects.get(self.path)
        if found is None:
            name = b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>"
            self._answer(404, name)
        else:
            self._answer(200, found, "image/jpeg")

    def do_DELETE(self) -> None:
        self.objects.pop(self.path, None)
        self._answer(204)


@pytest.fixture
def bucket() -> Iterator[str]:
    S3.objects = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"s3+http://KEY:SECRET@127.0.0.1:{server.server_port}/sheets"
    server.shutdown()
    server.server_close()
    thread.join()


def configured(where: str, **more: str) -> Settings:
    return Settings.load({"OBIDIENT_ENV": "development", "PHOTO_STORAGE": where} | more)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_folder_and_a_bucket_keep_alike(kind: str, tmp_path: Path, bucket: str) -> None:
    store = storage.of(configured(str(tmp_path) if kind == "folder" else bucket))
    assert store.get("photos/a.jpg") is None
    store.put("photos/a.jpg", b"first", "image/jpeg")
    store.put("photos/a.jpg", b"second", "image/jpeg")
    assert store.get("photos/a.jpg") == b"second"
    store.delete("photos/a.jpg")
    store.delete("photos/a.jpg")
    assert store.get("photos/a.jpg") is None


def test_a_mistyped_bucket_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"PHOTO_STORAGE must look like s3://"):
        configured("s3://bucket-only")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options", "state"),
    [("JPEG", {"quality": 30}, "stored"), ("JPEG", {"progressive": True}, "refused")],
)
def test_a_phones_largest_photo_is_made_smaller_or_refused_with_its_size(
    app: Flask, make_user: Callable[..., User], kind: str, options: dict[str, Any], state: str
) -> None:
    out = io.BytesIO()
    Image.new("L", (9248, 6936), 200).save(out, kind, **options)
    data, agent = out.getvalue(), make_user("agent")
    digest = hashlib.sha256(data).hexdigest()
    photos.begin(agent, "large", "s", digest, len(data), "image/jpeg")
    for start in range(0, len(data), photos.PIECE):
        kept = photos.take(agent, "large", start, data[start : start + photos.PIECE])
    assert kept.state == state
    if state == "stored":
        assert max(Image.open(io.BytesIO(photos.shown("large"))).size) == photos.SHOWN_SIDE
    else:
        assert "has 64 million pixels; at most 60 million" in kept.reason
