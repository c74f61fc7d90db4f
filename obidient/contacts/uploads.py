"""Uploaded lists: where they wait, the job that imports one, and the one that undoes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from obidient import jobs
from obidient.accounts import actor, audit
from obidient.contacts import imports, undo
from obidient.contacts.columns import assign
from obidient.contacts.lists import ListFile, Reading
from obidient.errors import Invalid
from obidient.jobs import Job

IMPORT = "contacts-import"


def start_import(
    path: Path,
    name: str,
    *,
    mapping: dict[str, str] | None = None,
    reading: Mapping[str, Any] | None = None,
    tags: list[str] | None = None,
    list_name: str = "",
    dry_run: bool = False,
    again: int | None = None,
) -> Job:
    """Make the job for a stored upload; the file's columns are checked at once.

    `again` is the import whose file this is once more: both are undone together.
    """
    with ListFile(path, Reading.of(dict(reading or {}))) as source:
        assign(source.header, mapping, source.sample)
    return start_unchecked(
        path,
        name,
        mapping=mapping or {},
        reading=dict(reading or {}),
        tags=tags or [],
        list=list_name,
        dryRun=dry_run,
        **({"again": again} if again else {}),
    )


def start_unchecked(path: Path, name: str, **params: Any) -> Job:
    """Make the job; what is wrong with the file as a whole is the job's to say."""
    user = actor()
    return jobs.start(
        IMPORT,
        user.id if user else None,
        total=path.stat().st_size,
        path=str(path),
        name=name,
        **params,
    )


def run_import(job: Job) -> dict[str, Any]:
    """The job itself, run by a worker."""
    params = job.params
    path = Path(params["path"])
    if params.get("command"):
        raise Invalid("This import ran on the command line and was cut off. Run it again there.")
    if not path.exists():
        raise Invalid("The uploaded file is gone. Upload it again.")

    def progress(report: imports.Report, read: int, size: int) -> None:
        jobs.progress(job, read, size, **report.as_json())

    report = imports.run(
        path,
        mapping=mapping_of(params["mapping"]),
        reading=Reading.of(params.get("reading") or {}),
        tags=tuple(params["tags"]),
        list_name=params["list"],
        dry_run=params["dryRun"],
        problems=problems_file(job),
        progress=progress,
        import_id=params.get("again") or job.id,
        before=job.report,
    )
    if not params["dryRun"]:
        record(job, report, params["name"])
    return report.as_json()


def record(job: Job, report: imports.Report, name: str) -> None:
    sentence = f"Imported {report.new:,} new and {report.updated:,} known contacts"
    audit.record("contacts.imported", sentence, "job", job.id, file=name)


def problems_file(job: Job) -> Path:
    return Path(job.params["path"]).with_suffix(".problems.csv")


def mapping_of(given: Any) -> dict[str, str]:
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


def start_undo(job: Job) -> Job:
    """Undo an import in the background. Raises Conflict while it runs."""
    undo.check(job)
    user = actor()
    total = int(job.report.get("rows") or 0)
    return jobs.start(undo.KIND, user.id if user else None, total=total, **{"import": job.id})
