"""What the composer offers to choose an audience by, and the parts of it that are asked for."""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import request

from obidient.admin.base import SecureView, expose
from obidient.areas import LGAS, STATES
from obidient.contacts import fields, own_values
from obidient.contacts.models import ContactList, Tag


class AudienceParts(SecureView):
    @expose("/lgas")
    def lgas(self) -> Any:
        """LGAs to tick, of the chosen states or of all."""
        chosen = set(request.args.getlist("lgas"))
        states = set(request.args.getlist("states"))
        return self.render(
            "admin/campaigns/_lgas.html", groups=_lga_groups(states, chosen), chosen=chosen
        )

    @expose("/own")
    def own(self) -> Any:
        """One more line for a value of a field of one's own."""
        return self.render(
            "admin/campaigns/_own.html", own_fields=fields.own(), place=secrets.token_hex(4)
        )

    @expose("/own-values")
    def own_values(self) -> Any:
        """The values that are suggested for a field."""
        name = request.args.get("own_field", "")
        values = own_values.frequent(name) if name in fields.own() else []
        return self.render("admin/campaigns/_own_values.html", values=values)


def choices(audience: Mapping[str, Any]) -> dict[str, Any]:
    """What the form offers, and what of it is chosen."""
    chosen, ticked = set(audience.get("lgas") or []), set(audience.get("states") or [])
    own = audience.get("fields") or {}
    return {
        "audience": audience,
        # The ticked first, so that they are seen without scrolling.
        "states": dict(sorted(STATES.items(), key=lambda one: one[0] not in ticked)),
        "lga_groups": _lga_groups(set(), chosen, only=True),
        "chosen_lgas": chosen,
        "tags": [row.name for row in Tag.select().order_by(Tag.name).limit(500)],
        "lists": [row.name for row in ContactList.select().order_by(ContactList.name).limit(500)],
        "own_fields": fields.own(),
        "own_rows": [(name, value) for name, values in own.items() for value in values],
        "own_suggested": {name: own_values.frequent(name) for name in own},
    }


def _lga_groups(
    states: set[str], chosen: set[str], only: bool = False
) -> list[tuple[str, list[tuple[str, str]]]]:
    """(state name, [(code, name)]) of the states asked for; `only` those chosen."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for code, name in LGAS.items():
        wanted = code in chosen if only else (not states or code[:2] in states or code in chosen)
        if wanted:
            groups.setdefault(STATES[code[:2]], []).append((code, name))
    return list(groups.items())
