"""Texts that people sent us, over HTTP: listed, answered."""

from typing import Literal

from flask import Response, g
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from obidient import api
from obidient.accounts.tokens import scopes_now
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.texts import answers as inbox
from obidient.clock import isoformat
from obidient.contacts.phones import mask
from obidient.idempotency import idempotent

_MOST = 2**31 - 1


class IdPath(BaseModel):
    id: int = Field(ge=1, le=_MOST)


class TextOut(api.ApiModel):
    """`answers` is how often it was answered; `phone` is masked as in recipients."""

    id: int
    phone: str
    text: str
    to: str
    network: str
    keyword: str
    contact_id: int | None
    campaign_id: int | None
    received_at: str | None
    read_at: str | None
    answers: int


class TextPage(api.ApiModel):
    items: list[TextOut]
    next_cursor: str | None


class TextQuery(api.PageQuery):
    campaign: int | None = Field(None, ge=1, le=_MOST)
    keyword: Literal["stop", "start", "help"] | None = None


class AnswerIn(api.ApiModel):
    text: str = Field(
        min_length=1,
        max_length=1530,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
    )


class AnswerOut(api.ApiModel):
    id: int
    inbound_id: int
    text: str
    automatic: bool
    state: str
    error: str
    created_at: str | None


def _text_out(row: InboundText, answers: int, masked: bool) -> TextOut:
    return TextOut(
        id=row.id,
        phone=mask(row.phone) if masked else row.phone,
        text=row.text,
        to=row.to,
        network=row.network,
        keyword=row.keyword,
        contact_id=row.contact_id,
        campaign_id=row.campaign_id,
        received_at=isoformat(row.received_at),
        read_at=isoformat(row.read_at),
        answers=answers,
    )


def _answer_out(row: TextAnswer) -> AnswerOut:
    return AnswerOut(
        id=row.id,
        inbound_id=row.subject_id,
        text=row.text,
        automatic=row.automatic,
        state=row.state,
        error=row.error,
        created_at=isoformat(row.created_at),
    )


def register(blueprint: APIBlueprint) -> None:
    """Put the endpoints on the campaigns' blueprint, which checks the token."""

    @blueprint.get("/inbound-texts", responses={200: TextPage}, security=api.BEARER)
    def list_inbound_texts(query: TextQuery) -> Response:
        """Texts that people sent us, the newest first."""
        found = InboundText.select()
        if query.campaign is not None:
            found = found.where(InboundText.campaign_id == query.campaign)
        if query.keyword is not None:
            found = found.where(InboundText.keyword == query.keyword)
        rows, cursor = api.page(found, InboundText.id, query)
        counts = inbox.answered([row.id for row in rows])
        masked = "contacts:write" not in scopes_now(g.token)
        items = [_text_out(row, counts.get(row.id, 0), masked) for row in rows]
        return api.json_response(TextPage(items=items, next_cursor=cursor))

    @blueprint.post(
        "/inbound-texts/<int:id>/answer", responses={202: AnswerOut}, security=api.BEARER
    )
    @idempotent
    def answer_inbound_text(path: IdPath, body: AnswerIn) -> Response:
        """Answer a text with one SMS; the worker sends it."""
        return api.json_response(_answer_out(inbox.answer(path.id, body.text)), 202)
