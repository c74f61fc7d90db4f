"""Importing contacts: upload, see how the file was understood, correct it, try, do it, undo it."""

import io
import re
import secrets
from pathlib import Path
from typing import IO, Any

from flask import flash, redirect, request, send_file
from flask_login import current_user
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from obidient import bodies, files, jobs
from obidient.accounts import audit
from obidient.admin.base import CONTACTS, STOP_POLLING, SecureView, done, expose
from obidient.areas import area_name
from obidient.contacts import api, fields, imports, places, undo, uploads
from obidient.contacts.columns import FURTHER, OWN, PLACE, slug
from obidient.contacts.encodings import CHOICES
from obidient.contacts.lists import KINDS, Reading
from obidient.contacts.models import ContactList
from obidient.contacts.sheets import ALL, APART
from obidient.errors import Invalid, NotFound, Problem
from obidient.jobs import Job

_KEY = re.compile(r"[0-9a-f]{24}")
FIELD_WORDS = {
    "phone": "Phone number",
    FURTHER: "Another phone number",
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Full name",
    "state": "State",
    "lga": "LGA",
    "ward": "Ward",
    "polling_unit": "Polling unit",
    PLACE: "Place, all in one cell",
    "tags": "Tags",
}
#: What becomes of a sheet of a workbook.
SHEET_STATES = {
    "read": "read",
    "same": "not read, the same titles",
    "other": "not read, other titles",
    "nobody": "not read, no phone numbers",
    "empty": "empty",
}


class Imports(SecureView):
    scopes = (CONTACTS,)
    icon = "upload"
    lead = "Bring in supporters from any list. You see what would happen before anything does."

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
        """Keep the upload and go on to its columns; a file that is no list says what it is."""
        given = _given()
        if given is None:
            flash("Choose a file first, or paste a list.", "error")
            return redirect(self.get_url(".index"))
        stream, name = given
        key = secrets.token_hex(12)
        path = _path(key)
        try:
            files.keep(stream, path)
            imports.preview(path)
        except Problem as error:
            path.unlink(missing_ok=True)
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        return redirect(self.get_url(".columns", key=key, name=name))

    @expose("/columns/<key>", methods=("GET", "POST"))
    def columns(self, key: str) -> Any:
        """How the file was understood, and which column is which; anything can be changed."""
        path, name = _stored(key), request.args.get("name", "upload.csv")
        go = request.form.get("go")
        if go in ("trial", "now") and _is_read_otherwise():
            flash("You changed how the file is read. Look at its columns again first.", "error")
            go = "read"
        if go in ("trial", "now"):
            try:
                job = _start(path, name, dry_run=go == "trial")
            except Problem as error:
                flash(error.detail, "error")
            else:
                return redirect(self.get_url(".job", job_id=job.id))
        # Read in another way, it has other columns: what was said of the old ones is dropped.
        mapping = _mapping() if go in ("trial", "now") else {}
        preview = _preview(path, mapping, go)
        return self.render(
            "admin/contacts/columns.html",
            preview=preview,
            name=name,
            go=go,
            kinds=KINDS,
            words=FIELD_WORDS,
            sheet_states=SHEET_STATES,
            encodings=CHOICES,
            own=fields.own(),
            slug=slug,
            own_mark=OWN,
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
        return part, STOP_POLLING if _of(job)["over"] else 200

    @expose("/jobs/<int:job_id>/run", methods=("POST",))
    def run(self, job_id: int) -> Response:
        """After a trial run: the same file, columns, tags and list, for good."""
        params = _job(job_id).params
        try:
            job = uploads.start_import(
                Path(params["path"]),
                params["name"],
                mapping=params["mapping"],
                reading=params.get("reading"),
                tags=params["tags"],
                list_name=params["list"],
            )
        except (OSError, Problem) as error:
            flash(getattr(error, "detail", "The file is gone. Upload it again."), "error")
            return redirect(self.get_url(".index"))
        return redirect(self.get_url(".job", job_id=job.id))

    @expose("/jobs/<int:job_id>/places", methods=("POST",))
    def mend(self, job_id: int) -> Response:
        """Say what words for places mean, and read the same file again with that."""
        job = _job(job_id)
        params = job.params
        try:
            if not _learn(job.report.get("places", ())):
                raise Invalid("Write what at least one of the words means.")
            again = uploads.start_import(
                Path(params["path"]),
                params["name"],
                mapping=uploads.mapping_of(params["mapping"]),
                reading=params.get("reading"),
                tags=params["tags"],
                list_name=params["list"],
                dry_run=params["dryRun"],
                again=None if params["dryRun"] else params.get("again") or job.id,
            )
        except (OSError, KeyError, Problem) as error:
            flash(getattr(error, "detail", "The file is gone. Upload it again."), "error")
            return redirect(self.get_url(".job", job_id=job_id))
        return redirect(self.get_url(".job", job_id=again.id))

    @expose("/jobs/<int:job_id>/undo", methods=("POST",))
    def undo(self, job_id: int) -> Response:
        """Undo an import in the background; its page says how that goes."""
        job = _job(job_id)
        root = undo.find(job.params["again"]) if job.params.get("again") else job
        return done(
            lambda: uploads.start_undo(root),
            "The import is being undone.",
            self.get_url(".job", job_id=root.id),
        )

    @expose("/jobs/<int:job_id>/problems.csv")
    def problems(self, job_id: int) -> Response:
        """The rows that were left out: line, value, what is wrong."""
        file = uploads.problems_file(_job(job_id))
        if not file.exists():
            raise NotFound("This import left no file of problems.")
        return send_file(
            file, "text/csv", as_attachment=True, download_name=f"import-{job_id}-problems.csv"
        )


def _given() -> tuple[IO[bytes], str] | None:
    """The list that was sent and what it is called: a file, or what was pasted."""
    upload, pasted = request.files.get("file"), request.form.get("pasted", "").strip()
    if upload is not None and upload.filename:
        return upload.stream, secure_filename(upload.filename) or "upload.csv"
    return (io.BytesIO(pasted.encode()), "pasted list") if pasted else None


def _path(key: str) -> Path:
    return files.uploads_folder() / f"{key}.csv"


def _stored(key: str) -> Path:
    if not _KEY.fullmatch(key) or not _path(key).exists():
        raise NotFound("This upload is gone. Upload the file again.")
    return _path(key)


def _mapping() -> dict[str, str]:
    """Place of each column -> what it is, as the form says."""
    return {
        f"#{name.removeprefix('column-')}": value
        for name, value in request.form.items()
        if name.startswith("column-")
    }


def _reading(go: str | None = None) -> dict[str, str]:
    """How the form says that the file is to be read."""
    go = go or request.form.get("go")
    names = ("encoding", "delimiter", "titles")
    found = {name: request.form.get(name, "").strip("\n ") for name in names}
    found["sheet"] = APART.join(request.form.getlist("sheet"))
    if go == "all-sheets":
        found["sheet"] = ALL
    if _is_as_before("titles", found["titles"]) and "told-titles" not in request.form:
        # Nobody said so: read in another way, or on another sheet, they may be elsewhere.
        found["titles"] = ""
    return found


def _is_read_otherwise() -> bool:
    """Whether the form wants another sheet, delimiter or line of titles than its columns are of."""
    wanted = {**_reading(), "titles": request.form.get("titles", "").strip()}
    return any(
        f"was-{name}" in request.form and not _is_as_before(name, wanted[name])
        for name in ("sheet", "delimiter", "titles")
    )


def _is_as_before(name: str, value: str) -> bool:
    return value == request.form.get(f"was-{name}")


def _preview(path: Path, mapping: dict[str, str], go: str | None) -> dict[str, Any]:
    """The file as the form says it is to be read; where that can't be done, as it is without."""
    try:
        return imports.preview(path, Reading.of(_reading(go)), mapping)
    except Problem as error:
        flash(error.detail, "error")
        return imports.preview(path)


def _learn(unknown: Any) -> int:
    """Keep what the form says that words for places mean; returns how many it names."""
    found = []
    for number, one in enumerate(unknown):
        said = request.form.get(f"place-{number}", "").strip()
        if said:
            code = places.resolve(one["level"], one["parent"], said)
            found.append((one["level"], one["parent"], one["word"], code))
    for one in found:
        places.learn(*one)
        sentence = f"Said that {one[2]!r} in lists means {area_name(one[3])}"
        audit.record("contacts.place-learned", sentence, "area", one[3])
    return len(found)


def _start(path: Path, name: str, dry_run: bool) -> Job:
    tags = [tag.strip().lower() for tag in request.form.get("tags", "").split(",") if tag.strip()]
    return uploads.start_import(
        path,
        name,
        mapping=_mapping(),
        reading=_reading(),
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
    undoing = _undoing(job)
    share = 100 if job.status == "done" else round(100 * job.processed / max(job.total, 1))
    return {
        "job": job,
        "report": job.report or {},
        "share": min(100, share),
        "trial": bool(job.params.get("dryRun")),
        "file": job.params.get("name", ""),
        "over": job.status in ("done", "failed") and (undoing is None or undoing.error != ""),
        "undoing": undoing,
        "undone": job.params.get("undone"),
        "can_undo": _can_be_undone(job) and undoing is None,
        "why": undo.WHY,
        "kinds": KINDS,
        "encodings": CHOICES,
        "levels": places.LEVELS,
        "place_name": _place_name,
    }


def _undoing(job: Job) -> Job | None:
    """The job that is undoing an import just now, or that failed to."""
    latest = Job.select().where(Job.kind == undo.KIND, Job.id > job.id).order_by(Job.id.desc())
    for one in latest.limit(50):
        if one.params.get("import") == job.id and one.status != "done":
            return one
    return None


def _can_be_undone(job: Job) -> bool:
    try:
        undo.check(job)
    except Problem:
        return False
    return not job.params.get("undone") and bool(job.report.get("rows"))


def _place_name(code: str) -> str:
    """An area with what it lies in, as it may be typed: Lagos/Ikeja; a ward is typed by code."""
    if len(code) == 5:
        return f"{area_name(code[:2])}/{area_name(code)}"
    return area_name(code) if len(code) == 2 else code
