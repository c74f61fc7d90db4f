"""Import over HTTP, and the jobs that long work becomes."""

import secrets
from typing import Any

from flask import Flask, Response, g, request, send_file
from flask_openapi3.models.file import FileStorage
from pydantic import BaseModel, Field

from obidient import api, bodies, files, jobs
from obidient.accounts.tokens import authorize
from obidient.clock import isoformat
from obidient.contacts.encodings import CHOICES
from obidient.contacts.uploads import IMPORT, problems_file, start_unchecked
from obidient.errors import Invalid, NotFound
from obidient.files import uploads_folder
from obidient.jobs import Job

#: A million rows are about 80 MB.
MAX_UPLOAD = 512 * 1024 * 1024

contacts_api = api.blueprint("contacts_api", "/api/contacts", "contacts", "Supporters")
jobs_api = api.blueprint("jobs_api", "/api/jobs", "jobs", "Long work and how far it has come")


class ImportForm(BaseModel):
    """multipart/form-data. The file alone: in a form even a number is text, so that no schema
    could say of its other fields what is right."""

    file: FileStorage = Field(
        description="CSV or other text, .xlsx, .xls, .ods, .vcf, or a table of HTML, XML or JSON"
    )


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
        description='JSON: field to column title, such as {"phone": "GSM number"}, or place of a '
        'column to field, {"#2": "phone", "#3": "field:occupation", "#4": ""}; '
        f"{MOST_MAPPING:,} characters at most",
    )
    encoding: str = Field(
        "",
        max_length=20,
        pattern=r"^[\w-]*$",
        description=f"Of a text file, where it is not found out rightly: {', '.join(CHOICES)}",
    )
    sheet: str = Field(
        "",
        max_length=2_000,
        pattern=r"^[^\x00]*$",
        description="Of a workbook; its first with numbers when left open. Several with the same "
        "titles, parted by `/`, are read as one list; `*` is all that go together",
    )
    titles: str = Field(
        "",
        max_length=6,
        pattern=r"^[0-9]*$",
        description="Line that names the columns, 0 where none does; found out when left open",
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


@contacts_api.post("/import", responses={202: Started}, security=api.BEARER)
@bodies.takes(MAX_UPLOAD)
def import_contacts(form: ImportForm, query: ImportQuery) -> Response:
    """Import a list of supporters; answers at once with the job that does it."""
    if len(query.mapping) > MOST_MAPPING:
        raise Invalid(f"`mapping` may have {MOST_MAPPING:,} characters at most.")
    stored = uploads_folder() / f"{secrets.token_hex(12)}.csv"
    files.keep(form.file.stream, stored)
    # What is wrong with the file as a whole is the job's to say: it is looked at in one place.
    job = start_unchecked(
        stored,
        form.file.filename or "upload.csv",
        mapping=query.mapping,
        reading={
            "encoding": query.encoding,
            "sheet": query.sheet,
            "titles": query.titles,
        },
        tags=[tag.strip().lower() for tag in query.tags.split(",") if tag.strip()],
        list=query.list_name.strip(),
        dryRun=query.dry_run,
    )
    return api.json_response(Started(id=job.id), 202, {"Location": f"/api/jobs/{job.id}"})


@contacts_api.before_request
def check_upload() -> None:
    """The token first: nobody without one makes us store half a gigabyte."""
    request.max_content_length = MAX_UPLOAD
    authorize(request.headers.get("Authorization", ""), ("contacts:write",))


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
