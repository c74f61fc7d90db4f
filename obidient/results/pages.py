"""The public pages: the count as people see it, rendered on the server, without any script."""

import orjson
from flask import Blueprint, Response, make_response, render_template, request

from obidient.areas import ROOT_CODE, ancestors, area_name
from obidient.results import live
from obidient.results.models import Election

blueprint = Blueprint("results", __name__, url_prefix="/results")


@blueprint.get("/")
def index() -> str:
    """All elections."""
    rows = list(Election.select().order_by(Election.created_at.desc()))
    return render_template("results/index.html", elections=rows)


@blueprint.get("/<election_id>")
def election(election_id: str) -> Response:
    return _page(election_id, ROOT_CODE)


@blueprint.get("/<election_id>/<code>")
def area(election_id: str, code: str) -> Response:
    return _page(election_id, code)


def _page(election_id: str, code: str) -> Response:
    """One area of an election, with links up and down."""
    summary = orjson.loads(live.summary_copy(election_id).body)
    copy = live.area_copy(election_id, code)
    document = orjson.loads(copy.body)
    above = [(one, area_name(one)) for one in reversed(ancestors(code)[1:])]
    page = render_template(
        "results/election.html",
        election=summary["election"],
        area=document,
        above=above,
        big=request.args.get("screen") == "big",
        updated=document["lastUpdated"],
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "public, max-age=2, stale-while-revalidate=30"
    response.add_etag()
    response.make_conditional(request)
    return response
