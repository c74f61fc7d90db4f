"""What people decided survives the next import; an import can be undone but for what came of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from obidient import jobs
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.sending.states import SENT
from obidient.clock import utcnow
from obidient.contacts import export, imports, merge, suppression, undo, uploads
from obidient.contacts.models import (
    NAMES,
    Contact,
    ContactBefore,
    ContactList,
    ContactListMember,
    ContactTag,
    FormerNumber,
    ImportLink,
)
from obidient.errors import Conflict, Invalid
from obidient.jobs import Job

Cli = Callable[..., Result]
BOTH = "Name,Phone\nAda Obi,08035550001\nAda Obi,08035550002\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="utf-8")
    return path


def bring(tmp_path: Path, text: str, list_name: str = "", tags: tuple[str, ...] = ()) -> Job:
    """An import as a worker runs it."""
    job = uploads.start_import(write(tmp_path, text), "c.csv", list_name=list_name, tags=list(tags))
    jobs.run(job.id)
    done = Job.get_by_id(job.id)
    assert done.status == "done", done.error
    return done


def names() -> dict[str, str]:
    return {row.phone[-4:]: row.full_name for row in Contact.select().order_by(Contact.phone)}


def one(last: str) -> Contact:
    found: Contact = Contact.get(Contact.phone.endswith(last))
    return found


# ---- what a person decided ----------------------------------------------------------------------


@pytest.mark.both
def test_a_merged_person_stays_one_when_the_file_comes_again(app: Flask, tmp_path: Path) -> None:
    imports.run(write(tmp_path, BOTH))
    ids = [one("0001").id, one("0002").id]
    merge.merge(ids, dict.fromkeys(merge.CHOICES, ids[1]))
    for dry_run in (True, False):
        report = imports.run(write(tmp_path, BOTH), dry_run=dry_run)
        assert (report.new, report.updated, report.duplicates) == (0, 1, 1)
    assert names() == {"0002": "Ada Obi"}


@pytest.mark.both
def test_an_edited_name_and_an_opt_out_survive_the_next_import(app: Flask, tmp_path: Path) -> None:
    imports.run(write(tmp_path, "Name,Phone,LGA\nAda Obi,08035550001,Ikeja\n"))
    Contact.update(full_name="Adaeze Obi", first_name="Adaeze", edited=NAMES).execute()
    suppression.suppress("+2348035550001")
    imports.run(write(tmp_path, "Name,Phone,LGA\nAda Obi,08035550001,Agege\n"))
    assert (one("0001").full_name, one("0001").first_name) == ("Adaeze Obi", "Adaeze")
    assert one("0001").lga_code != "24-11"
    assert suppression.channels("+2348035550001") == {"*"}


@pytest.mark.both
def test_a_further_number_leads_to_its_person_unless_it_is_anothers(
    app: Flask, tmp_path: Path
) -> None:
    imports.run(write(tmp_path, "Name,Phone,Phone 2\nAda Obi,08035550001,08035550002\n"))
    report = imports.run(write(tmp_path, "Name,Phone\nObi Ada,08035550002\n"))
    assert (report.new, report.updated, names()) == (0, 1, {"0001": "Ada Obi"})
    assert report.met[0]["dropped"] == "Obi Ada"
    # The list says that somebody else has it: a leader whose number stood beside the members'.
    imports.run(write(tmp_path, "Name,Phone\nChidi Eze,08035550002\n"))
    assert names() == {"0001": "Ada Obi", "0002": "Chidi Eze"}
    assert FormerNumber.select().count() == 0


def test_a_further_number_of_the_same_file_leads_too(app: Flask, tmp_path: Path) -> None:
    text = "Name,Phone,Phone 2\nAda Obi,08035550001,08035550002\nAda Obi,08035550002,\n"
    text += "Bola Ade,08035550003,08035550004\nChidi Eze,08035550004,\n"
    report = imports.run(write(tmp_path, text))
    assert (report.new, report.duplicates) == (3, 1)
    assert names() == {"0001": "Ada Obi", "0003": "Bola Ade", "0004": "Chidi Eze"}
    assert {row.phone[-4:] for row in FormerNumber.select()} == {"0002"}


@pytest.mark.slow
def test_a_stop_from_a_further_number_holds_for_the_person(app: Flask, tmp_path: Path) -> None:
    imports.run(write(tmp_path, 'Name,Phone\nAda,"08035550001, 08035550002"\n'))
    suppression.suppress("+2348035550002", source="stop-reply")
    assert suppression.channels("+2348035550001") == {"*"}


@pytest.mark.both
def test_an_export_brings_back_other_numbers_and_own_fields(app: Flask, tmp_path: Path) -> None:
    text = 'Name,Phone,Job title\nAda Obi,"08035550001, 08035550002",=Trader\n'
    imports.run(write(tmp_path, text))
    exported = "".join(export.as_csv(Contact.select(), ""))
    assert "'=Trader" in exported
    Contact.delete().execute()
    FormerNumber.delete().execute()
    assert imports.run(write(tmp_path, exported.replace("'=", ""))).new == 1
    assert Contact.get().fields == {"job_title": "Trader"}
    assert [row.phone[-4:] for row in FormerNumber.select()] == ["0002"]


# ---- undo ---------------------------------------------------------------------------------------


@pytest.mark.both
def test_an_import_is_undone(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "Name,Phone,LGA\nAda Obi,08035550001,Ikeja\n", tags=("first",))
    before = Contact.get().__data__ | {"updated_at": None}
    text = "Name,Phone,LGA,Job\nWrong Name,08035550001,Agege,x\nBola,08035550002,Agege,y\n"
    job = bring(tmp_path, text, list_name="Bad list", tags=("bad", "first"))
    assert names()["0001"] == "Wrong Name"
    undone = uploads.start_undo(job)
    jobs.run(undone.id)
    report = Job.get_by_id(undone.id).report
    assert report == {"removed": 1, "restored": 1, "kept": {"later": 0}} | {"kept": report["kept"]}
    assert not sum(report["kept"].values())
    assert Contact.get().__data__ | {"updated_at": None} == before
    assert ContactTag.select().count() == 1
    assert ContactListMember.select().count() == 0
    assert ContactList.select().count() == 1
    assert ContactBefore.select().count() == ImportLink.select().count() == 0
    # Safe to repeat.
    assert undo.run(Job.get_by_id(job.id))["removed"] == 0


def send_to(phone: str) -> None:
    campaign = Campaign.create(title="C", channel="sms", status="completed", message_template="x")
    person = Contact.get(Contact.phone == phone)
    Recipient.create(
        campaign_id=campaign.id, contact_id=person.id, phone=phone, batch=0, status=SENT
    )


@pytest.mark.both
def test_what_came_of_people_since_keeps_them(app: Flask, tmp_path: Path) -> None:
    text = "Name,Phone\n" + "".join(f"Ada{n},0803555000{n}\n" for n in range(1, 7))
    job = bring(tmp_path, text)
    Contact.update(edited=NAMES).where(Contact.phone.endswith("0002")).execute()
    send_to("+2348035550003")
    bring(tmp_path, "Name,Phone\nBola,08035550004\n")
    suppression.suppress("+2348035550005")
    report = undo.run(Job.get_by_id(job.id))
    assert report["removed"] == 3
    assert report["kept"] == {"edited": 1, "written": 1, "later": 1}
    assert sorted(names()) == ["0002", "0003", "0004"]
    assert suppression.channels("+2348035550005") == {"*"}


@pytest.mark.both
def test_edits_since_the_import_stay_when_values_are_restored(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "Name,Phone,LGA\nAda Obi,08035550001,Ikeja\n")
    job = bring(tmp_path, "Name,Phone,LGA\nBola Ade,08035550001,Agege\n")
    Contact.update(full_name="Adaeze Obi", edited=NAMES).execute()
    undo.run(Job.get_by_id(job.id))
    assert (one("0001").full_name, one("0001").lga_code) == ("Adaeze Obi", "24-11")


def test_an_import_killed_half_way_and_run_again_is_undone_whole(
    app: Flask, tmp_path: Path
) -> None:
    bring(tmp_path, "Name,Phone\nAda Obi,08035550001\n")
    job = bring(tmp_path, "Name,Phone\nWrong,08035550001\nBola,08035550002\n")
    Job.update(status="queued").where(Job.id == job.id).execute()
    jobs.run(job.id)
    again = Job.get_by_id(job.id)
    assert (again.report["new"], again.report["updated"]) == (1, 1)
    undo.run(again)
    assert names() == {"0001": "Ada Obi"}


def test_only_what_can_be_undone_is_undone(app: Flask, tmp_path: Path) -> None:
    trial = uploads.start_import(write(tmp_path, BOTH), "c.csv", dry_run=True)
    with pytest.raises(Invalid, match="trial run"):
        undo.check(trial)
    with pytest.raises(Conflict, match="is running"):
        undo.check(uploads.start_import(write(tmp_path, BOTH), "c.csv"))
    old = bring(tmp_path, BOTH)
    old.created_at = utcnow() - undo.KEPT_FOR * 2
    with pytest.raises(Invalid, match="30 days"):
        undo.check(old)


@pytest.mark.slow
def test_the_command_imports_and_undoes(cli: Cli, app: Flask, tmp_path: Path) -> None:
    path = write(tmp_path, "LIST\nName,Tel No,Job\nAda Obi,08035550001,Trader\nX,12,\n")
    told = cli("contacts", "import", str(path))
    assert told.exit_code == 0, told.output
    assert "Passed over: LIST" in told.output
    assert "Job = field:job" in told.output
    job = Job.get(Job.kind == uploads.IMPORT)
    assert f"obidient contacts undo {job.id}" in told.output
    undone = cli("contacts", "undo", str(job.id))
    assert (undone.exit_code, Contact.select().count()) == (0, 0), undone.output
    assert cli("contacts", "undo", "999", "--yes").exit_code == 1
