"""Plain reports are kept in front of Flask, and kept the same as Flask would keep them."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from network_reports import TOKEN, Network
from peewee import OperationalError

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.receipts.fast_path import ShortPath
from obidient.group_commit import Mailbox, Row
from obidient.plugin import Provider
from obidient.providers import registry

ADDRESS = f"/api/communications/webhooks/plain-sms/delivery?token={TOKEN}"
FORM = "application/x-www-form-urlencoded"


class Plain(Network):
    """A network that neither signs its reports nor wants an answer."""

    name = "plain-sms"
    respond = Provider.respond


@pytest.fixture
def kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each request that came by, whether the short path kept it."""
    registry.current().add(Plain)
    seen: list[bool] = []
    take = ShortPath._take

    def taken(self: ShortPath, environ: dict[str, object], path: str) -> bool:
        seen.append(take(self, environ, path))
        return seen[-1]

    monkeypatch.setattr(ShortPath, "_take", taken)
    return seen


def everything() -> list[tuple[object, ...]]:
    """All callbacks, but for when and under which number."""
    fields = (
        RawCallback.provider, RawCallback.event, RawCallback.content_type, RawCallback.headers,
        RawCallback.query, RawCallback.body, RawCallback.method, RawCallback.state,
        RawCallback.attempts, RawCallback.error,
    )  # fmt: skip
    return list(RawCallback.select(*fields).tuples())


@pytest.mark.both
@pytest.mark.parametrize(
    ("more", "body", "kind"),
    [
        ("", b"id=1&status=delivered", FORM),
        ("", b'{"id": "1", "status": "delivered"}', "application/json"),
        ("", b"{broken", "application/json"),
        ("", b"", FORM),
        ("&a=1&a=2&b=&c=%FF%00&token=x", b"\xff\x00id", "text/plain; charset=latin-1"),
    ],
)
def test_a_report_is_kept_the_same_either_way(
    client: FlaskClient,
    kept: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    more: str,
    body: bytes,
    kind: str,
) -> None:
    given = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Network": "Ọlá\x00"}
    given = {name: value.encode().decode("latin-1") for name, value in given.items()}

    def send() -> None:
        answer = client.post(ADDRESS + more, data=body, content_type=kind, headers=given)
        assert (answer.status_code, answer.data, answer.mimetype) == (200, b"", "text/plain")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    send()
    monkeypatch.setattr(ShortPath, "_take", lambda *_: False)
    send()
    assert kept == [True]
    short, long = everything()
    assert short == long
    assert "Bearer" not in str(short) and "a=b" not in str(short)


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS.replace(TOKEN, "wrong"),
        ADDRESS.replace("delivery", "weather"),
        ADDRESS.replace("plain-sms", "nobody"),
        ADDRESS.replace("delivery", "delivery/more"),
    ],
)
def test_refusals_are_left_to_flask(client: FlaskClient, kept: list[bool], address: str) -> None:
    assert client.post(address, data={"id": "1"}).status_code in (403, 404)
    assert kept == [False]
    assert RawCallback.select().count() == 0


def test_a_body_of_unknown_length_or_too_large_is_left_to_flask(
    client: FlaskClient, kept: list[bool]
) -> None:
    assert client.post(ADDRESS, data=b"x" * 70_000, content_type=FORM).status_code == 413
    assert kept == [False]
    assert RawCallback.select().count() == 0


def test_a_report_that_could_not_be_kept_at_once_loses_nothing(
    client: FlaskClient, kept: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Mailbox.put
    tries: list[Row] = []

    def once_away(self: Mailbox, row: Row) -> None:
        tries.append(row)
        if len(tries) == 1:
            raise OperationalError("the database is away")
        put(self, row)

    monkeypatch.setattr(Mailbox, "put", once_away)
    assert client.post(ADDRESS, data={"id": "1", "status": "delivered"}).status_code == 200
    assert kept == [False]
    assert [bytes(row.body) for row in RawCallback.select()] == [b"id=1&status=delivered"]
