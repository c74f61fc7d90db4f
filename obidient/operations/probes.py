"""/healthz and /readyz: whether this process answers, and whether it can do its work."""

from flask import Blueprint, Response

from obidient import api, database, files
from obidient.config import settings
from obidient.operations import health

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return api.json_response({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Whether this process can do its work, with a sentence for each problem.

    Without its database it can't (503). Without Redis it can, from memory and with the sweeper's
    help: a load balancer that turned every server away then would make an outage of it.
    """
    problem = health.database_problem()
    redis = health.redis_problem()
    problems = [] if problem is None else [problem]
    if problem is None and (reads := database.only_reads()) is not None:
        problems.append(reads)
    if redis is not None:
        problems.append(redis)
    if short := files.shortage(settings().data_dir):
        problems.append(short)
    status = "not ready" if problem else "degraded" if problems else "ready"
    return api.json_response({"status": status, "problems": problems}, 503 if problem else 200)
