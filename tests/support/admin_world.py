"""One of everything that the admin shows, and the address of every page it has."""

import hashlib
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from PIL import Image

from obidient import database, files, jobs, queues
from obidient.accounts import tokens, users
from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.planning import saved
from obidient.campaigns.sending import staging
from obidient.contacts import demo as contacts_demo
from obidient.contacts import erasure, fields, uploads
from obidient.contacts.models import Contact, ContactList, Tag
from obidient.database import db
from obidient.results import deciding
from obidient.results import demo as results_demo
from obidient.results.models import Submission
from obidient.results.received import Sender, receive
from obidient.sync import photos
from obidient.sync.models import Photo, TextReport
from obidient.workers import failed_jobs
from obidient.workers.history import Minutes
from obidient.workers.models import FailedJob

ELECTION = results_demo.ELECTION_ID
#: A unit of the demo election on which two agents disagree.
UNIT = "24-11-99-001"
UPLOAD = "0" * 24
SMS = "sms-broadcast"
LAGOS = {"states": ["24"], "fields": {"occupation": ["trader", "tailor"]}}


def fill(audience: dict[str, Any] | None = None) -> None:
    """People, campaigns of each kind, an election with a dispute, and what went wrong."""
    contacts_demo.load()
    results_demo.load()
    fields.keep({"occupation": "Occupation", "shirt_size": "Shirt size"})
    own = {"occupation": "Trader", "shirt_size": "XL"}
    Contact.update(fields=own).where(Contact.phone <= "+2348035550010").execute()
    _campaigns(audience or {"everyone": True})
    _dispute()
    minutes = Minutes()
    minutes.note(SMS, 0.4, 0.2, failed=False)
    minutes.flush(everything=True)
    failed_jobs.record(SMS, "stage", {"campaignId": 1}, ValueError("why"))
    erasure.start("+2348035550399", False, None)
    path = files.uploads_folder() / f"{UPLOAD}.csv"
    path.write_text("phone,first_name\n08035550001,Ada\n0803,Nobody\n")
    jobs.run(uploads.start_import(path, "supporters.csv", dry_run=True).id)
    AudioAsset.create(title="Invitation", url="https://example.org/a.mp3")
    InboundText.create(provider="simulator-sms", provider_id="1", phone="+2348035550001", text="Hi")
    Tag.get_or_create(name="volunteers")
    ContactList.get_or_create(name="Ikeja town hall")
    saved.keep_template("Invitation", "Dear {{first_name|friend}}, come to the town hall.")
    saved.keep_audience("Youth of Lagos", {"states": ["24"]})
    database.release()


def _campaigns(audience: dict[str, Any]) -> None:
    everybody: dict[str, Any] = {"message_template": "Hi {{first_name}}", "channel": "sms"}
    everybody["audience"] = audience
    long = "A town hall with quite a long name, which has to fit as well"
    running = control.create(everybody | {"title": long})
    control.launch(running.id)
    staging.stage(running.id)
    queues.current().enqueue(SMS, "stage", delay=3600, campaignId=running.id)
    control.create(everybody | {"title": "Draft", "audience": LAGOS})
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    later = control.create(everybody | {"title": "Tomorrow", "scheduled_at": tomorrow})
    control.launch(later.id)


def _dispute() -> None:
    """Two agents, one of them with a photo, and a text that waits for a reviewer."""
    agents = [
        users.create(f"{name}@example.org", "agent", "correct horse battery", name, UNIT)
        for name in ("ada", "bayo")
    ]
    for number, agent in enumerate(agents):
        votes = {"LP": 100 + number, "APC": 40}
        sheet = {
            "submissionId": f"dispute-{number}",
            "electionId": ELECTION,
            "pollingUnitCode": UNIT,
            "revision": 1,
            "submittedAt": "2027-02-25T15:30:45Z",
            "deviceId": f"PHONE-{number}",
            "registeredVoters": 300,
            "accreditedVoters": 180,
            "votes": votes,
            "validVotes": sum(votes.values()),
            "rejectedVotes": 2,
            "votesCast": sum(votes.values()) + 2,
        }
        with db.atomic():
            receive([sheet], Sender(agent=f"user:{agent.id}", own_unit=UNIT))
    deciding.process_waiting()
    _photo(agents[0])
    TextReport.create(inbound_id=1, phone="+2348035550001", text="RESULT", state="review")
    tokens.issue(agents[0], "phone", ["sync"])


def _photo(agent: User) -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 400), "#cfd8d2").save(out, "JPEG")
    data = out.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    photos.begin(agent, "photo-1", "dispute-0", digest, len(data), "image/jpeg")
    photos.take(agent, "photo-1", 0, data)


def values() -> dict[str, Any]:
    """What the parts of addresses stand for, from the world as it is."""
    running = Campaign.select().where(Campaign.status != "draft").order_by(Campaign.id).first()
    latest = Submission.select().order_by(Submission.id.desc())
    return {
        "campaign_id": running.id,
        "recipient_id": Recipient.select(Recipient.id).limit(1).get().id,
        "contact_id": Contact.select(Contact.id).limit(1).get().id,
        "user_id": User.select().order_by(User.id.desc()).get().id,
        "sign_in_id": 1,
        "token_id": 1,
        "asset_id": 1,
        "text_id": InboundText.get().id,
        "failed_id": FailedJob.get().id,
        "row_id": latest.get().id,
        "election_id": ELECTION,
        "unit_code": UNIT,
        "code": UNIT[:5],
        "proposal_id": 1,
        "photo_id": Photo.get().photo_id,
        "queue_name": SMS,
        "provider_name": "simulator-sms",
        "key": UPLOAD,
        "export_type": "csv",
        "verb": "x",
        "kind": saved.TEMPLATE,
        "saved_id": saved.Saved.get(saved.Saved.kind == saved.TEMPLATE).id,
        "form": "csv",
    }


def addresses(app: Flask, method: str = "GET") -> Iterator[tuple[str, str]]:
    """(endpoint, address) of everything under /admin that takes this method."""
    known = values()
    draft = Campaign.get(Campaign.status == "draft").id
    job_of = {
        "admin_imports": jobs.Job.get(jobs.Job.kind == uploads.IMPORT).id,
        "admin_privacy": jobs.Job.get(jobs.Job.kind == erasure.KIND).id,
    }
    row_of = {
        "admin_contacts": known["contact_id"],
        "admin_tags": Tag.get().id,
        "admin_lists": ContactList.get().id,
    }
    for rule in app.url_map.iter_rules():
        if method not in (rule.methods or ()) or not rule.rule.startswith("/admin"):
            continue
        view, _, page = rule.endpoint.partition(".")
        if page == "static":
            continue
        named = known | {"job_id": job_of.get(view)}
        if view in ("admin_composer", "admin_approvals"):
            named["campaign_id"] = draft
        # A part that nobody has thought of here is a KeyError, and the page does not go untried.
        url = re.sub(r"<(?:\w+:)?(\w+)>", lambda part, at=named: str(at[part[1]]), rule.rule)
        if page in ("edit_view", "details_view"):
            url += f"?id={row_of[view]}"
        if rule.endpoint == "admin_duplicates.compare":
            url += f"?id={known['contact_id']}&id={known['contact_id'] + 1}"
        yield rule.endpoint, url
