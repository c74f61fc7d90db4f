"""An audience as the API takes it; `audience.validate` says what in it is not known."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from obidient import api
from obidient.campaigns.audience import MOST
from obidient.contacts.own_values import MOST_FIELDS, MOST_VALUES

_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_NUL)]
Names = Annotated[list[Name], Field(max_length=MOST)]
WardCode = Annotated[
    str,
    Field(pattern=r"^[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
    api.written("write a ward's code, like 24-11-02"),
]
UnitCode = Annotated[
    str,
    Field(pattern=r"^[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{3}$"),
    api.written("write a polling unit's code, like 24-11-02-017"),
]
Wards = Annotated[list[WardCode], Field(max_length=MOST)]
OwnValues = Annotated[
    dict[Name, Annotated[list[Name], Field(min_length=1, max_length=MOST_VALUES)]],
    Field(max_length=MOST_FIELDS),
]
Units = Annotated[list[UnitCode], Field(max_length=MOST)]


def _not_empty(schema: dict[str, Any]) -> None:
    """Says in the schema what `audience.validate` says in words: nobody is not an audience."""
    groups = [name for name in schema["properties"] if name not in ("everyone", "fields")]
    schema["anyOf"] = [
        {"properties": {"everyone": {"const": True}}, "required": ["everyone"]},
        {"properties": {"fields": {"minProperties": 1}}, "required": ["fields"]},
        *({"properties": {name: {"minItems": 1}}, "required": [name]} for name in groups),
    ]


class AudienceIn(api.ApiModel):
    """Areas are united, tags united, lists united, and so are the values of each field of your
    own; all these groups intersect."""

    model_config = ConfigDict(json_schema_extra=_not_empty)

    everyone: bool = Field(False, strict=True, description="Needed when nothing else is chosen")
    states: Names = Field([], description="Codes (24) or names (Lagos)")
    lgas: Names = Field([], description="Codes (24-11) or STATE/LGA names (Lagos/Ikeja)")
    wards: Wards = Field([], description="Codes (24-11-02)")
    polling_units: Units = Field([], description="Codes (24-11-02-017)")
    tags: Names = []
    lists: Names = []
    fields: OwnValues = Field(
        {},
        description='Of your own, by name or title: {"occupation": ["trader", "tailor"]}. '
        "Capitals, marks and further spaces make no difference",
    )
