"""The public pages: rendered on the server from the live documents, kept and served like them."""

from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from obidient.areas import ROOT_CODE, UNIT_RE
from obidient.clock import clock_words
from obidient.config import ROOT, settings
from obidient.results.api import serve
from obidient.results.elections import get, newest, parties_of
from obidient.results.live import copies, page
from obidient.results.live.copies import Entry
from obidient.results.live.serving import HTML, Copy
from obidient.results.models import Election
from obidient.results.quickcount import follow
from obidient.results.quickcount import page as quick_page
from obidient.results.units import document as units_document
from obidient.results.units import pages as units_pages
from obidient.results.units.api import cached, check_pace

blueprint = Blueprint("results", __name__, url_prefix="/results")

#: Nothing in these pages differs between readers, so there is nothing to put a nonce on.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
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


@blueprint.app_template_filter()
def said_at(text: str) -> str:
    """A time of our documents as people read it, in the operators' zone."""
    return clock_words(datetime.fromisoformat(text.removesuffix("Z")), settings().timezone)


def front() -> BaseResponse:
    """The bare address of the site: what the public comes for."""
    return redirect(url_for("results.index"))


@blueprint.get("/")
def index() -> Response:
    """All elections, the newest first."""
    rows, older = newest(ON_A_PAGE, request.args.get("cursor"))
    cards = [orjson.loads(copies.summary_copy(row.id).body) for row in rows]
    return _answer(render_template("results/index.html", cards=cards, older=older))


def _answer(html: str) -> Response:
    """A page that no copy is kept of."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return cached(response)


@blueprint.get("/<election_id>/")
def without_slash(election_id: str) -> BaseResponse:
    return redirect(url_for("results.election", election_id=election_id), 308)


@blueprint.get("/<election_id>")
def election(election_id: str) -> Response:
    """The whole election."""
    return _page(election_id, None)


@blueprint.get("/<election_id>/units")
def units(election_id: str) -> BaseResponse:
    """Polling units by code or by parts of their names."""
    found = get(election_id)
    check_pace()
    page = units_pages.search(found, request.args.get("q", ""), request.args.get("area", ""))
    code = units_pages.only(page)
    if code:
        return redirect(url_for("results.area", election_id=election_id, code=code))
    return _answer(render_template("results/units.html", election=found, **page))


@blueprint.get("/<election_id>/quick-count")
def quick_count(election_id: str) -> Response:
    """The quick count as it was released; until then as if there were none."""
    document = orjson.loads(follow.released(election_id))
    found, parties = get(election_id), parties_of(election_id)
    return _answer(
        render_template(
            "results/quickcount.html",
            election=found,
            place={party.code: place for place, party in enumerate(parties)},
            colors_url=url_for(
                "results.colors", election_id=election_id, v=found.updated_at.timestamp()
            ),
            api_url=f"{copies.PLACE}/{election_id}/quick-count",
            seed_in_python=repr(document["seed"]),
            **quick_page.page(document, parties),
        )
    )


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
        unit = units_document.unit(election_id, code) if code and UNIT_RE.fullmatch(code) else None
        quick = code in (None, root) and follow.is_released(election_id)
        made_of = (summary.etag, shown.etag, row.updated_at, unit, quick)
        if old is not None and old.copy.made_of == made_of:
            return old.copy
        html = _render(row, summary, shown, big=big, unit=unit, quick=quick)
        return Copy(html.encode(), HTML, made_of, Content_Security_Policy=POLICY)

    return serve(copies.current().get(address, election_id, refresh))


def _render(row: Election, summary: Copy, shown: Copy, **more: Any) -> str:
    document = orjson.loads(shown.body)
    context = page.page(orjson.loads(summary.body), document, row.area_code, settings().timezone)
    places = {party.code: place for place, party in enumerate(parties_of(row.id))}
    is_nation = document["code"] == ROOT_CODE
    return render_template(
        "results/election.html",
        **context,
        **more,
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
