"""Message templates and saved audiences over HTTP."""

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from obidient import api
from obidient.campaigns.audience_schema import AudienceIn
from obidient.campaigns.planning import saved
from obidient.campaigns.planning.saved import AUDIENCE, TEMPLATE, Saved
from obidient.campaigns.schemas import CampaignPath
from obidient.campaigns.text import LONGEST
from obidient.clock import isoformat

_NAME = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$"

_GONE: Any = {204: {"description": "Gone"}}


class TemplateIn(api.ApiModel):
    name: str = Field(min_length=1, max_length=saved.LONGEST_NAME, pattern=_NAME)
    text: str = Field(
        min_length=1, max_length=LONGEST, description="As a campaign's messageTemplate"
    )


class TemplateOut(api.ApiModel):
    id: int
    name: str
    text: str
    created_at: str | None


class TemplatesOut(api.ApiModel):
    items: list[TemplateOut]


class SavedAudienceIn(api.ApiModel):
    name: str = Field(min_length=1, max_length=saved.LONGEST_NAME, pattern=_NAME)
    audience: AudienceIn


class SavedAudienceOut(api.ApiModel):
    id: int
    name: str
    audience: dict[str, Any]
    created_at: str | None


class SavedAudiencesOut(api.ApiModel):
    items: list[SavedAudienceOut]


def _template(row: Saved) -> TemplateOut:
    return TemplateOut(
        id=row.id, name=row.name, text=row.text, created_at=isoformat(row.created_at)
    )


def _audience(row: Saved) -> SavedAudienceOut:
    return SavedAudienceOut(
        id=row.id, name=row.name, audience=row.audience, created_at=isoformat(row.created_at)
    )


def register(blueprint: APIBlueprint) -> None:
    """Add these addresses to the campaigns API."""

    @blueprint.get("/message-templates", responses={200: TemplatesOut}, security=api.BEARER)
    def list_templates() -> Response:
        """Message templates, by name."""
        return api.json_response(
            TemplatesOut(items=[_template(row) for row in saved.all_of(TEMPLATE)])
        )

    @blueprint.post("/message-templates", responses={201: TemplateOut}, security=api.BEARER)
    def keep_template(body: TemplateIn) -> Response:
        """Keep a text for later campaigns; a name that is taken is 409."""
        return api.json_response(_template(saved.keep_template(body.name, body.text)), 201)

    @blueprint.delete("/message-templates/<int:id>", responses=_GONE, security=api.BEARER)
    def delete_template(path: CampaignPath) -> Response:
        """Forget a template; campaigns that were written from it stay as they are."""
        saved.delete(TEMPLATE, path.id)
        return Response(status=204)

    @blueprint.get("/saved-audiences", responses={200: SavedAudiencesOut}, security=api.BEARER)
    def list_audiences() -> Response:
        """Saved audiences, by name."""
        return api.json_response(
            SavedAudiencesOut(items=[_audience(row) for row in saved.all_of(AUDIENCE)])
        )

    @blueprint.post("/saved-audiences", responses={201: SavedAudienceOut}, security=api.BEARER)
    def keep_audience(body: SavedAudienceIn) -> Response:
        """Keep an audience for later campaigns; a name that is taken is 409."""
        chosen = body.audience.model_dump(by_alias=True)
        return api.json_response(_audience(saved.keep_audience(body.name, chosen)), 201)

    @blueprint.delete("/saved-audiences/<int:id>", responses=_GONE, security=api.BEARER)
    def delete_audience(path: CampaignPath) -> Response:
        """Forget a saved audience; campaigns that were written for it stay as they are."""
        saved.delete(AUDIENCE, path.id)
        return Response(status=204)
