"""Who may look at each view of the admin, and who may send its forms."""

from obidient.roles import ROLES

ALL = frozenset(ROLES) - {"agent"}


ADMIN = frozenset({"admin"})


ORGANISERS = ADMIN | {"organiser"}


REVIEWERS = ADMIN | {"reviewer"}


#: View -> who may look at its pages, and who may send its forms. A new view has to be put here.
WHO = {
    "admin": (ALL, ADMIN),
    "admin_campaigns": (ALL, ORGANISERS),
    "admin_composer": (ORGANISERS, ORGANISERS),
    "admin_calendar": (ALL, ALL),
    "admin_saved": (ORGANISERS, ORGANISERS),
    "admin_approvals": (ORGANISERS, ORGANISERS),
    "admin_recordings": (ALL, ORGANISERS),
    "admin_inbox": (ALL, ORGANISERS),
    "admin_contacts": (ORGANISERS, ORGANISERS),
    "admin_duplicates": (ORGANISERS, ORGANISERS),
    "admin_imports": (ORGANISERS, ORGANISERS),
    "admin_tags": (ORGANISERS, ORGANISERS),
    "admin_lists": (ORGANISERS, ORGANISERS),
    "admin_optouts": (ORGANISERS, ORGANISERS),
    "admin_privacy": (ORGANISERS, ORGANISERS),
    "admin_results": (ALL, ADMIN),
    "admin_review": (REVIEWERS, REVIEWERS),
    "admin_agents": (REVIEWERS, ADMIN),
    "admin_intake": (REVIEWERS, REVIEWERS),
    "admin_photos": (ADMIN, ADMIN),
    "admin_collation": (REVIEWERS, REVIEWERS),
    "admin_quickcount": (REVIEWERS, ADMIN),
    "admin_queues": (ADMIN, ADMIN),
    "admin_doctor": (ADMIN, ADMIN),
    "admin_plugins": (ADMIN, ADMIN),
    "admin_system": (ADMIN, ADMIN),
    "admin_callbacks": (ADMIN, ADMIN),
    "admin_people": (ADMIN, ADMIN),
    "admin_audit": (ADMIN, ADMIN),
}


#: Pages that fewer may open than others of their view.
CLOSER = {
    "admin_campaigns.export": ORGANISERS,
    "admin_results.new": ADMIN,
    "admin_results.edit": ADMIN,
    "admin_results.certify": ADMIN,
}
