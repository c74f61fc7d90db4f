"""How long uploads of people's lists stay here, and what is kept for how long in all."""

import time
from dataclasses import dataclass
from datetime import timedelta

from obidient.contacts import undo
from obidient.files import uploads_folder

UPLOADS_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Rule:
    what: str
    kept: str


#: What the privacy page says; each is done by a sweep or by the person named.
RULES = (
    Rule("Contacts, their tags and lists", "Until you delete them or erase the person"),
    Rule("Who got which campaign: number, status and cost", "Until the person is erased"),
    Rule("Tries that a network refused for the moment, without numbers", "30 days, then deleted"),
    Rule("Texts to us and answers to them", "Until the person is erased"),
    Rule("Opt-outs", "For good; of erased people only a hash that can’t be turned back"),
    Rule("Files uploaded for an import, and their lists of problems", "7 days, then deleted"),
    Rule("What contacts were before an import, to undo it", "30 days, then deleted"),
    Rule("Networks’ notices that were understood", "30 days, then deleted"),
    Rule("Networks’ notices that were not", "Until somebody has dealt with them"),
    Rule("Result sheets and their photos", "For good: they are evidence of an election"),
    Rule("Logs of the servers, without numbers", "14 days, by deploy/logrotate"),
    Rule("Backups", "As many as `obidient backup --keep` says; erased people stay in older ones"),
    Rule("Audit trail", "For good; numbers in it are masked"),
)


def clean() -> None:
    """Delete uploads of a week ago; a finished or forgotten import needs them no more."""
    oldest = time.time() - UPLOADS_KEPT.total_seconds()
    for path in uploads_folder().glob("*"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
    undo.forget_old()
