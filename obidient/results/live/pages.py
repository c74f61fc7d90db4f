"""The public pages: rendered on the server from the live documents, kept and served like them."""

from functools import cache
from hashlib import sha256

import orjson
from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from obidient.areas import ROOT_CODE
from obidient.config import ROOT, settings
from obidient.results.api import serve
from obidient.results.elections import get, newest, parties_of
from obidient.results.live import copies, page
from obidient.results.live.copies import Entry
from obidient.results.live.serving import CACHE_CONTROL, HTML, Copy
from obidient.results.models import Election

blueprint = Blueprint("results", __name__, url_prefix="/results")

#: Nothing in these pages differs between readers, so there is nothing to put a nonce on.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Elections listed on a page.
ON_A_PAGE = 50


@cache
def static_version(name: str) -> str:
    """A few letters that change with a static file, so that browsers may keep it for long."""
    return sha256((ROOT / "obidient" / "static" / name).read_bytes()).hexdigest()[:10]


@blueprint.app_template_global()
def results_asset(name: str) -> str:
    """The address of one of this package's static files."""
    path = f"results/{name}"
    return url_for("static", filename=path, v=static_version(path))


def front() -> BaseResponse:
    """The bare address of the site: what the public comes for."""
    return redirect(url_for("results.index"))


@blueprint.get("/")
def index() -> Response:
    """All elections, the newest first."""
    rows, older = newest(ON_A_PAGE, request.args.get("cursor"))
    cards = [orjson.loads(copies.summary_copy(row.id).body) for row in rows]
    response = Response(
        render_template("results/index.html", cards=cards, older=older), mimetype="text/html"
    )
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.headers["Content-Security-Policy"] = POLICY
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/<election_id>/")
def without_slash(election_id: str) -> BaseResponse:
    return redirect(url_for("results.election", election_id=election_id), 308)


@blueprint.get("/<election_id>")
def election(election_id: str) -> Response:
    """The whole election."""
    return _page(election_id, None)


@blueprint.get("/<election_id>/<code>")
def area(election_id: str, code: str) -> Response:
    """One state, LGA, ward or polling unit."""
    return _page(election_id, code)


@blueprint.get("/<election_id>/colors.css")
def colors(election_id: str) -> Response:
    """The parties' colours."""
    get(election_id)
    response = Response(page.colors(parties_of(election_id)), mimetype="text/css")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _page(election_id: str, code: str | None) -> Response:
    big = request.args.get("screen") == "big"
    address = request.path + ("?screen=big" if big else "")

    def refresh(old: Entry | None, generation: int) -> Copy:
        row = get(election_id)
        root = row.area_code
        summary = copies.summary_copy(election_id)
        shown = copies.area_copy(election_id, code or root)
        made_of = (summary.etag, shown.etag, row.updated_at)
        if old is not None and old.copy.made_of == made_of:
            return old.copy
        html = _render(row, summary, shown, big)
        return Copy(html.encode(), HTML, made_of, Content_Security_Policy=POLICY)

    return serve(copies.current().get(address, election_id, refresh))


def _render(row: Election, summary: Copy, shown: Copy, big: bool) -> str:
    document = orjson.loads(shown.body)
    context = page.page(orjson.loads(summary.body), document, row.area_code, settings().timezone)
    places = {party.code: place for place, party in enumerate(parties_of(row.id))}
    is_nation = document["code"] == ROOT_CODE
    return render_template(
        "results/election.html",
        **context,
        big=big,
        demo=row.is_demo,
        place=places,
        colors_url=url_for("results.colors", election_id=row.id, v=row.updated_at.timestamp()),
        page_url=url_for("results.election", election_id=row.id)
        if document["code"] == row.area_code
        else url_for("results.area", election_id=row.id, code=document["code"]),
        summary_url=f"{copies.PLACE}/{row.id}/live-summary" if is_nation else "",
        area_url=f"{copies.PLACE}/{row.id}/areas/{document['code']}",
        csv_url=_csv_url(row, document["code"]),
        zone=str(settings().timezone),
    )


def _csv_url(row: Election, code: str) -> str:
    """The units of the state that is shown, or of all."""
    part = f"?state={code[:2]}" if code != ROOT_CODE else ""
    return f"{copies.PLACE}/{row.id}/results.csv{part}"
