"""Importing contacts: upload, say which column is which, see what would happen, then do it."""

import re
import secrets
from pathlib import Path
from typing import Any

from flask import flash, redirect, request, send_file
from flask_login import current_user
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from obidient import bodies, jobs
from obidient.admin.base import CONTACTS, STOP_POLLING, SecureView, expose
from obidient.contacts import api, imports, uploads
from obidient.contacts.models import ContactList
from obidient.errors import NotFound, Problem
from obidient.jobs import Job

_KEY = re.compile(r"[0-9a-f]{24}")
FIELD_WORDS = {
    "phone": "Phone number",
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Full name",
    "state": "State",
    "lga": "LGA",
    "ward": "Ward",
    "polling_unit": "Polling unit",
    "tags": "Tags",
}


class Imports(SecureView):
    scopes = (CONTACTS,)
    icon = "upload"
    lead = "Bring in supporters from a CSV file. You see what would happen before anything does."

    @expose("/", methods=("GET", "POST"))
    @bodies.takes(api.MAX_UPLOAD, CONTACTS)
    def index(self) -> Any:
        if request.method == "POST":
            return self._take_in()
        rows = Job.select().where(Job.kind == uploads.IMPORT)
        if current_user.role != "admin":
            rows = rows.where(Job.created_by_id == current_user.id)
        latest = list(rows.order_by(Job.id.desc()).limit(20))
        return self.render("admin/contacts/import.html", jobs=latest)

    def _take_in(self) -> Response:
        """Keep the upload and go on to its columns; a file that is no CSV says what it is."""
        upload = request.files.get("file")
        if upload is None or not upload.filename:
            flash("Choose a file first.", "error")
            return redirect(self.get_url(".index"))
        key = secrets.token_hex(12)
        path = _path(key)
        upload.save(path)
        try:
            imports.preview(path)
        except Problem as error:
            path.unlink()
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        name = secure_filename(upload.filename) or "upload.csv"
        return redirect(self.get_url(".columns", key=key, name=name))

    @expose("/columns/<key>", methods=("GET", "POST"))
    def columns(self, key: str) -> Any:
        """Which column is which, with the first rows to tell by."""
        path = _stored(key)
        preview = imports.preview(path)
        name = request.args.get("name", "upload.csv")
        if request.method == "POST":
            try:
                job = _start(path, name, dry_run=request.form.get("go") != "now")
            except Problem as error:
                flash(error.detail, "error")
            else:
                return redirect(self.get_url(".job", job_id=job.id))
        return self.render(
            "admin/contacts/columns.html",
            preview=preview,
            name=name,
            words=FIELD_WORDS,
            mapping=_mapping() if request.method == "POST" else preview["mapping"],
            lists=[row.name for row in ContactList.select().order_by(ContactList.name).limit(500)],
            size=path.stat().st_size,
        )

    @expose("/jobs/<int:job_id>")
    def job(self, job_id: int) -> Any:
        job = _job(job_id)
        return self.render("admin/contacts/job.html", **_of(job))

    @expose("/jobs/<int:job_id>/live")
    def live(self, job_id: int) -> Any:
        job = _job(job_id)
        part = self.render("admin/contacts/_job.html", **_of(job))
        return part, STOP_POLLING if job.status in ("done", "failed") else 200

    @expose("/jobs/<int:job_id>/run", methods=("POST",))
    def run(self, job_id: int) -> Response:
        """After a trial run: the same file, columns, tags and list, for good."""
        params = _job(job_id).params
        try:
            job = uploads.start_import(
                Path(params["path"]),
                params["name"],
                mapping=params["mapping"],
                tags=params["tags"],
                list_name=params["list"],
            )
        except (OSError, Problem) as error:
            flash(getattr(error, "detail", "The file is gone. Upload it again."), "error")
            return redirect(self.get_url(".index"))
        return redirect(self.get_url(".job", job_id=job.id))

    @expose("/jobs/<int:job_id>/problems.csv")
    def problems(self, job_id: int) -> Response:
        """The rows that were left out: line, value, what is wrong."""
        file = uploads.problems_file(_job(job_id))
        if not file.exists():
            raise NotFound("This import left no file of problems.")
        return send_file(
            file, "text/csv", as_attachment=True, download_name=f"import-{job_id}-problems.csv"
        )


def _path(key: str) -> Path:
    return uploads.uploads_folder() / f"{key}.csv"


def _stored(key: str) -> Path:
    if not _KEY.fullmatch(key) or not _path(key).exists():
        raise NotFound("This upload is gone. Upload the file again.")
    return _path(key)


def _mapping() -> dict[str, str]:
    """Field -> column title as the form says; a field left open is not taken from the file."""
    return {name: request.form.get(f"column-{name}", "") for name in FIELD_WORDS}


def _start(path: Path, name: str, dry_run: bool) -> Job:
    tags = [tag.strip().lower() for tag in request.form.get("tags", "").split(",") if tag.strip()]
    return uploads.start_import(
        path,
        name,
        mapping=_mapping(),
        tags=tags,
        list_name=request.form.get("list", "").strip()[:100],
        dry_run=dry_run,
    )


def _job(job_id: int) -> Job:
    """An import the person may see: their own, or any for an admin."""
    job = jobs.get(job_id)
    mine = job.created_by_id == current_user.id or current_user.role == "admin"
    if job.kind != uploads.IMPORT or not mine:
        raise NotFound("There is no such import; it may have been cleared away.")
    return job


def _of(job: Job) -> dict[str, Any]:
    share = 100 if job.status == "done" else round(100 * job.processed / max(job.total, 1))
    return {
        "job": job,
        "report": job.report or {},
        "share": min(100, share),
        "trial": bool(job.params.get("dryRun")),
        "file": job.params.get("name", ""),
        "over": job.status in ("done", "failed"),
    }
