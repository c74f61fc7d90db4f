"""The admin's menu: every page, its group, its endpoint and its address."""

from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme

from obidient import security
from obidient.admin import base
from obidient.admin.campaigns.approvals import Approvals
from obidient.admin.campaigns.composer import Composer
from obidient.admin.campaigns.months import Calendar
from obidient.admin.campaigns.pages import Campaigns
from obidient.admin.campaigns.recordings import Recordings
from obidient.admin.campaigns.replies import Inbox
from obidient.admin.campaigns.saved import SavedParts
from obidient.admin.home import Home
from obidient.admin.operations.audit import Audit
from obidient.admin.operations.callbacks import Callbacks
from obidient.admin.operations.doctor import Doctor
from obidient.admin.operations.plugins import Plugins
from obidient.admin.operations.queues import Queues
from obidient.admin.operations.system import System
from obidient.admin.operations.team import People
from obidient.admin.people.contacts import Contacts
from obidient.admin.people.duplicates import Duplicates
from obidient.admin.people.groups import Lists, Tags
from obidient.admin.people.imports import Imports
from obidient.admin.people.optouts import OptOuts
from obidient.admin.people.privacy import Privacy
from obidient.admin.results.agents import Agents
from obidient.admin.results.collation import Collation
from obidient.admin.results.elections import Results
from obidient.admin.results.intake import Intake
from obidient.admin.results.photos import SheetPhotos
from obidient.admin.results.quickcount import QuickCounts
from obidient.admin.results.review import Review
from obidient.contacts.models import Contact, ContactList, Tag
from obidient.providers import registry


def add_pages(app: Flask) -> None:
    """Add all pages, and those of plugins: Flask-Admin remembers views, so each app has its own."""
    admin = Admin(
        app,
        name="Obidient",
        url="/admin",
        index_view=Home(name="Home", endpoint="admin", url="/admin"),
        theme=Bootstrap4Theme(base_template="admin/frame.html"),
        csp_nonce_generator=security.csp_nonce,
    )
    admin.add_views(*_views())
    found: registry.Registry = app.extensions["obidient.registry"]
    found.add_views(lambda view: admin.add_view(base.of_plugin(view)))


def _views() -> list[Any]:
    """The menu, in its order: what a view is called, its group, its endpoint, its address."""
    return [
        Campaigns("Campaigns", "Campaigns", "admin_campaigns", "campaigns"),
        Composer("Write a campaign", "Campaigns", "admin_composer", "compose"),
        Calendar("Calendar", "Campaigns", "admin_calendar", "calendar"),
        SavedParts("Templates", "Campaigns", "admin_saved", "saved"),
        Approvals("Approvals", "Campaigns", "admin_approvals", "approvals"),
        Recordings("Recordings", "Campaigns", "admin_recordings", "recordings"),
        Inbox("Replies", "Campaigns", "admin_inbox", "replies"),
        Contacts(Contact, "Contacts", "People", "admin_contacts", "contacts"),
        Duplicates("Duplicates", "People", "admin_duplicates", "duplicates"),
        Imports("Import", "People", "admin_imports", "import"),
        Tags(Tag, "Tags", "People", "admin_tags", "tags"),
        Lists(ContactList, "Lists", "People", "admin_lists", "lists"),
        OptOuts("Opt-outs", "People", "admin_optouts", "opt-outs"),
        Privacy("Privacy", "People", "admin_privacy", "privacy"),
        Results("Elections", "Results", "admin_results", "elections"),
        Review("Results room", "Results", "admin_review", "review"),
        Collation("Collation", "Results", "admin_collation", "collation"),
        QuickCounts("Quick count", "Results", "admin_quickcount", "quick-count"),
        Intake("Intake", "Results", "admin_intake", "intake"),
        SheetPhotos("Photos of sheets", "Results", "admin_photos", "photos"),
        Agents("Agents", "Results", "admin_agents", "agents"),
        Queues("Queues and workers", "Operations", "admin_queues", "queues"),
        Doctor("Doctor", "Operations", "admin_doctor", "doctor"),
        Plugins("Plugins", "Operations", "admin_plugins", "plugins"),
        Callbacks("Callbacks", "Operations", "admin_callbacks", "callbacks"),
        System("System", "Operations", "admin_system", "system"),
        People("Team and tokens", "Operations", "admin_people", "team"),
        Audit("Audit trail", "Operations", "admin_audit", "audit"),
    ]
