"""A person's wish to be erased, and what is kept here for how long."""

from typing import Any

from flask import redirect, request
from flask_login import current_user

from obidient import jobs
from obidient.accounts.models import User
from obidient.admin.base import CONTACTS, STOP_POLLING, SecureView, expose, needs
from obidient.contacts import erasure, retention
from obidient.errors import Conflict, NotFound, Problem
from obidient.jobs import Job


class Privacy(SecureView):
    """The number travels in forms only: an address would stay in histories and logs."""

    scopes = (CONTACTS,)
    icon = "eye"
    lead = "Erase a person who asks for it, and see what is kept here for how long."

    @expose("/", methods=("GET", "POST"))
    def index(self) -> Any:
        given = request.form.get("phone", "").strip()
        found, wrong = None, ""
        if request.method == "POST":
            try:
                found = erasure.preview(given)
            except Problem as error:
                wrong = error.detail
        return self._page(given, found, wrong)

    def _page(self, given: str, found: erasure.Preview | None, wrong: str) -> Any:
        latest = list(
            Job.select().where(Job.kind == erasure.KIND).order_by(Job.id.desc()).limit(20)
        )
        people = User.select().where(User.id.in_([job.created_by_id for job in latest]))
        team = found and User.select().where(User.phone == found.phone).first()
        return self.render(
            "admin/contacts/privacy.html",
            given=given,
            found=found,
            wrong=wrong,
            rules=retention.RULES,
            latest=latest,
            names={user.id: user.name or user.email for user in people},
            on_team=bool(team),
        )

    @expose("/erase", methods=("POST",))
    @needs(CONTACTS, "erase people")
    def erase(self) -> Any:
        given = request.form.get("phone", "")
        try:
            found = erasure.preview(given)
            wish = request.form.get("wish")
            if wish not in ("never", "erase"):
                raise Conflict("Choose what the person wants first.")
            job = erasure.start(found.phone, wish == "never", current_user.id)
        except Problem as error:
            return self._page(given, None, error.detail)
        return redirect(self.get_url(".job", job_id=job.id))

    @expose("/erasures/<int:job_id>")
    def job(self, job_id: int) -> Any:
        return self.render("admin/contacts/erasure.html", **_of(job_id))

    @expose("/erasures/<int:job_id>/live")
    def live(self, job_id: int) -> Any:
        values = _of(job_id)
        part = self.render("admin/contacts/_erasure.html", **values)
        return part, STOP_POLLING if values["over"] else 200


def _of(job_id: int) -> dict[str, Any]:
    job = jobs.get(job_id)
    if job.kind != erasure.KIND:
        raise NotFound("There is no such erasure; it may have been cleared away.")
    share = 100 if job.status == "done" else round(100 * job.processed / max(job.total, 1))
    return {
        "job": job,
        "share": min(100, share),
        "over": job.status in ("done", "failed"),
        "erased": (job.report or {}).get("erased", {}),
    }
