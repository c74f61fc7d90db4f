"""Import over HTTP, and the jobs that long work becomes."""

import logging
import secrets
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, current_app, g, send_file
from flask_openapi3.models.file import FileStorage
from pydantic import BaseModel, Field

from obidient import api, bodies, jobs
from obidient.accounts import actor, audit
from obidient.clock import isoformat
from obidient.contacts import imports
from obidient.contacts.columns import assign
from obidient.contacts.csvfile import CsvFile
from obidient.errors import Invalid, NotFound
from obidient.jobs import Job

logger = logging.getLogger(__name__)

IMPORT = "contacts-import"
#: A million rows are about 80 MB.
MAX_UPLOAD = 512 * 1024 * 1024

contacts_api = api.blueprint("contacts_api", "/api/contacts", "contacts", "Supporters")
jobs_api = api.blueprint("jobs_api", "/api/jobs", "jobs", "Long work and how far it has come")


class ImportForm(BaseModel):
    """multipart/form-data. The file alone: in a form even a number is text, so that no schema
    could say of its other fields what is right."""

    file: FileStorage = Field(description="The CSV file")


MOST_MAPPING = 2_000


class ImportQuery(api.ApiModel):
    """What to do with the file."""

    dry_run: bool = Field(False, description="Only say what would happen")
    list_name: str = Field(
        "",
        alias="list",
        max_length=100,
        pattern=r"^[^\x00]*$",
        description="Name of a list to put everybody in",
    )
    tags: str = Field("", max_length=500, pattern=r"^[^\x00]*$", description="Separated by commas")
    # Checked in the view: the web server itself refuses an address that is longer yet.
    mapping: str = Field(
        "",
        description='JSON: field to column title, such as {"phone": "GSM number"}; '
        f"{MOST_MAPPING:,} characters at most",
    )


class Started(api.ApiModel):
    id: int


class JobPath(BaseModel):
    id: int = Field(ge=1, le=2**31 - 1)


class JobOut(api.ApiModel):
    """`progress` runs from 0 to 1; `report` depends on the kind of job."""

    id: int
    kind: str
    status: str
    progress: float
    total: int
    processed: int
    report: dict[str, Any]
    error: str
    errors_url: str | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None


def register(app: Flask) -> None:
    api.register(app, contacts_api)
    api.register(app, jobs_api)


def uploads_folder() -> Path:
    """Where uploads wait for their job."""
    folder: Path = current_app.extensions["obidient.settings"].data_dir / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def start_import(
    path: Path,
    name: str,
    *,
    mapping: dict[str, str] | None = None,
    tags: list[str] | None = None,
    list_name: str = "",
    dry_run: bool = False,
) -> Job:
    """Make the job for a stored upload; the file's columns are checked at once."""
    source = CsvFile(path)
    try:
        assign(source.header, mapping)
    finally:
        source.close()
    user = actor()
    return jobs.start(
        IMPORT,
        user.id if user else None,
        total=path.stat().st_size,
        path=str(path),
        name=name,
        mapping=mapping or {},
        tags=tags or [],
        list=list_name,
        dryRun=dry_run,
    )


def run_import(job: Job) -> dict[str, Any]:
    """The job itself, run by a worker."""
    params = job.params
    path = Path(params["path"])
    if not path.exists():
        raise Invalid("The uploaded file is gone. Upload it again.")

    def progress(report: imports.Report, read: int, size: int) -> None:
        jobs.progress(job, read, size, **report.as_json())

    report = imports.run(
        path,
        mapping=_mapping(params["mapping"]),
        tags=tuple(params["tags"]),
        list_name=params["list"],
        dry_run=params["dryRun"],
        problems=problems_file(job),
        progress=progress,
    )
    if not params["dryRun"]:
        sentence = f"Imported {report.new:,} new and {report.updated:,} known contacts"
        audit.record("contacts.imported", sentence, "job", job.id, file=params["name"])
    return report.as_json()


def problems_file(job: Job) -> Path:
    return Path(job.params["path"]).with_suffix(".problems.csv")


@contacts_api.post("/import", responses={202: Started}, security=api.BEARER)
@bodies.takes(MAX_UPLOAD)
def import_contacts(form: ImportForm, query: ImportQuery) -> Response:
    """Import a CSV of supporters; answers at once with the job that does it."""
    if len(query.mapping) > MOST_MAPPING:
        raise Invalid(f"`mapping` may have {MOST_MAPPING:,} characters at most.")
    stored = uploads_folder() / f"{secrets.token_hex(12)}.csv"
    form.file.save(stored)
    user = actor()
    # What is wrong with the file as a whole is the job's to say: it is looked at in one place.
    job = jobs.start(
        IMPORT,
        user.id if user else None,
        total=stored.stat().st_size,
        path=str(stored),
        name=form.file.filename or "upload.csv",
        mapping=query.mapping,
        tags=[tag.strip().lower() for tag in query.tags.split(",") if tag.strip()],
        list=query.list_name.strip(),
        dryRun=query.dry_run,
    )
    return api.json_response(Started(id=job.id), 202, {"Location": f"/api/jobs/{job.id}"})


def _mapping(given: Any) -> dict[str, str]:
    """From the admin a dict, from the API JSON."""
    if isinstance(given, dict):
        return given
    if not given.strip():
        return {}
    try:
        mapping = orjson.loads(given)
    except orjson.JSONDecodeError:
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(v, str) for v in mapping.values()):
        raise Invalid('`mapping` must be a JSON object such as {"phone": "GSM number"}.')
    return mapping


contacts_api.needs = lambda: ("contacts:write",)


def _job(job_id: int) -> Job:
    """A job its asker may see: their own, or any for an admin."""
    job = jobs.get(job_id)
    user = g.api_user
    if job.created_by_id != user.id and user.role != "admin":
        raise NotFound("There is no such job; it may have been cleared away.")
    return job


@jobs_api.get("/<int:id>", responses={200: JobOut}, security=api.BEARER)
def show_job(path: JobPath) -> Response:
    """How far a job has come, and what became of it."""
    job = _job(path.id)
    done = 1.0 if job.status == "done" else min(1.0, job.processed / job.total if job.total else 0)
    has_problems = job.kind == IMPORT and bool(job.report.get("bad"))
    return api.json_response(
        JobOut(
            id=job.id,
            kind=job.kind,
            status=job.status,
            progress=round(done, 4),
            total=job.total,
            processed=job.processed,
            report=job.report,
            error=job.error,
            errors_url=f"/api/jobs/{job.id}/errors.csv" if has_problems else None,
            created_at=isoformat(job.created_at),
            started_at=isoformat(job.started_at),
            finished_at=isoformat(job.finished_at),
        )
    )


@jobs_api.get(
    "/<int:id>/errors.csv",
    responses={200: {"description": "The rows left out", "content": {"text/csv": {}}}},
    security=api.BEARER,
)
def job_errors(path: JobPath) -> Response:
    """The rows that an import left out, as CSV: line, value, problem."""
    job = _job(path.id)
    file = problems_file(job) if job.kind == IMPORT else None
    if file is None or not file.exists():
        raise NotFound("This job left no file of problems.")
    return send_file(file, "text/csv", as_attachment=True, download_name=f"import-{job.id}.csv")
