"""An import on screen: understood, corrected, tried, done, mended, undone; a contact changed."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from admin_people import Person, sign_in
from flask import Flask

from obidient import files, jobs
from obidient.areas import Area
from obidient.campaigns import control
from obidient.campaigns.fields import field_values
from obidient.campaigns.text import render
from obidient.contacts import imports, merge
from obidient.contacts.models import Contact, FormerNumber, PlaceAlias, Tag
from obidient.jobs import Job

__all__ = ["sign_in"]
LISTS = Path(__file__).parents[1] / "data" / "lists"


def upload(person: Person, content: bytes, name: str = "list.csv") -> str:
    """Upload a list; returns the address of the page of its columns."""
    form = {"file": (io.BytesIO(content), name), "csrf_token": person.token}
    answer = person.client.post(
        "/admin/import/", data=form, content_type="multipart/form-data", follow_redirects=False
    )
    assert answer.status_code == 302, answer.text
    return str(answer.headers["Location"])


def finish() -> Job:
    """Run the latest job, as a worker would."""
    latest: Job = Job.select().order_by(Job.id.desc()).get()
    jobs.run(latest.id)
    done: Job = Job.get_by_id(latest.id)
    assert done.status == "done", done.error
    return done


def chosen(page: str) -> list[str]:
    """What each column is taken for."""
    selects = re.findall(r'<select name="column-\d+".*?</select>', page, re.DOTALL)
    found = [re.search(r'<option value="([^"]*)" selected', select) for select in selects]
    return [one[1] if one else "" for one in found]


@pytest.mark.both
@pytest.mark.slow
def test_a_list_is_understood_corrected_tried_done_and_undone(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    text = "LAGOS LIST\nS/N,Name,Phone,Phone,Job\n1,Ada,,08035550001,Trader\n2,Bola,12,,x\n"
    url = upload(admin, text.encode("utf-16"))
    page = admin.get(url)
    assert chosen(page) == ["", "full_name", "phone", "phone2", "field:job"]
    assert "Passed over, above the titles:</b> LAGOS LIST" in page
    page = admin.post(url, go="read", titles="1", **{"was-titles": "2"})
    assert "(no title)" in page
    columns = {"column-2": "full_name", "column-3": "phone", "column-4": "phone2"}
    columns["column-5"] = "field:occupation"
    admin.post(url, go="trial", titles="2", encoding="utf-16", list="Market", **columns)
    trial = finish()
    assert (trial.report["new"], trial.report["bad"], Contact.select().count()) == (1, 1, 0)
    page = admin.get(f"/admin/import/jobs/{trial.id}")
    assert "Unicode text (UTF-16), titles on line 2" in page
    admin.post(f"/admin/import/jobs/{trial.id}/run")
    job = finish()
    assert Contact.get().fields == {"occupation": "Trader"}
    assert "Trader" in admin.get(f"/admin/contacts/{Contact.get().id}/")
    assert "Undo this import" in admin.get(f"/admin/import/jobs/{job.id}")
    admin.post(f"/admin/import/jobs/{job.id}/undo")
    finish()
    page = admin.get(f"/admin/import/jobs/{job.id}")
    assert "This import was undone.</b> 1 contact removed" in page
    assert Contact.select().count() == 0


@pytest.mark.slow
def test_a_workbook_and_a_phone_book_are_uploaded(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    for name in ("people.xlsx", "android-2.1.vcf"):
        page = admin.get(upload(admin, (LISTS / name).read_bytes(), name))
        assert "phone" in chosen(page), name
    assert 'value="People" checked' in admin.get(
        upload(admin, (LISTS / "people.xlsx").read_bytes(), "people.xlsx")
    )


@pytest.mark.both
@pytest.mark.slow
def test_places_are_mended_where_they_are_told(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    Area.create(code="24-11-02", parent="24-11", level="ward", name="Ojodu")
    text = "Phone,LGA,Ward\n08035550001,Ikeja,Berger\n08035550002,Ikeja,Ojodo\n"
    url = upload(admin, text.encode())
    admin.post(url, go="now", **{f"column-{n}": f for n, f in
                                enumerate(("phone", "lga", "ward"), 1)})  # fmt: skip
    job = finish()
    page = admin.get(f"/admin/import/jobs/{job.id}")
    assert "did you mean Ojodu?" in page
    mend = f"/admin/import/jobs/{job.id}/places"
    words = {one["word"]: f"place-{n}" for n, one in enumerate(job.report["places"])}
    assert "There is no ward" in admin.post(mend, **{words["Berger"]: "Elsewhere"})
    admin.post(mend, **{words["Berger"]: "Ojodu", words["Ojodo"]: "24-11-02"})
    again = finish()
    assert PlaceAlias.select().count() == 2
    assert {row.ward_code for row in Contact.select()} == {"24-11-02"}
    assert again.report["flagged"] == 0
    # The second reading belongs to the first: both are undone at once.
    admin.post(f"/admin/import/jobs/{again.id}/undo")
    finish()
    assert Contact.select().count() == 0


@pytest.mark.both
@pytest.mark.slow
def test_every_field_of_a_contact_is_changed_and_stays(
    app: Flask, tmp_path: Path, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    path = tmp_path / "c.csv"
    path.write_text("Name,Phone,Job,LGA,Tags\nAda Obi,08035550001,Trader,Ikeja,youth\n")
    imports.run(path)
    person = Contact.get()
    url = f"/admin/contacts/{person.id}/change"
    form = {"first_name": "Adaeze", "last_name": "Eze", "full_name": "Ada Obi", "lga": "Agege"}
    form |= {"state": "24", "ward": "Ward Two", "unit": "", "own-job": "Tailor"}
    form |= {"phone": "08035550002", "further": "08035550003", "tags": "women"}
    assert "No LGA in Lagos" in admin.post(url, **form | {"lga": "Atlantis"})
    assert "letters" in admin.post(url, **form | {"phone": "hello"})
    assert "Saved." in admin.post(url, **form)
    imports.run(path)
    person = Contact.get()
    assert (person.phone, person.full_name) == ("+2348035550002", "Adaeze Eze")
    assert (person.state_code, person.ward_name, person.fields) == (
        "24",
        "Ward Two",
        {"job": "Tailor"},
    )
    assert person.lga_code != "24-11"
    assert sorted(merge.former(person.id)) == ["+2348035550001", "+2348035550003"]
    other = Contact.create(phone="+2348035550009", full_name="Bola")
    assert "merge the two" in admin.post(f"/admin/contacts/{other.id}/change", **form)
    assert Tag.select().where(Tag.name == "women").exists()
    assert FormerNumber.select().where(FormerNumber.kind == "further").count() == 1


@pytest.mark.both
@pytest.mark.slow
def test_own_fields_are_found_by_search_and_fill_texts(
    app: Flask, tmp_path: Path, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in("organiser")
    path = tmp_path / "c.csv"
    path.write_text("Name,Phone,Meeting place\nAda Obi,08035550001,Ìkẹjà Hall\n")
    imports.run(path)
    assert "Ada Obi" in admin.get("/admin/contacts/?search=ikeja hall")
    draft = {"title": "T", "channel": "sms", "audience": {"everyone": True}}
    campaign = control.create(draft | {"message_template": "Come to {{meeting_place|us}}"})
    assert 'data-insert="{{meeting_place}}"' in admin.get(f"/admin/compose/{campaign.id}/")
    assert render(campaign.message_template, field_values(Contact.get())) == "Come to Ìkẹjà Hall"
    assert files.uploads_folder().exists()
