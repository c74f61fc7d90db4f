"""What holds for every page and form of the admin, taken from the app's own map of addresses."""

import re
from collections.abc import Callable

import admin_world
import pytest
from admin_people import Person, sign_in
from admin_permissions import ADMIN, CLOSER, REVIEWERS, WHO
from flask import Flask

from obidient.roles import ROLES

__all__ = ["sign_in"]


#: Forms that more or fewer may send than others of their view.
FORMS = {"admin_results.verify": REVIEWERS, "admin_intake.pin": ADMIN}


#: Flask-Admin's pages that no view of ours offers: they lead back to the list, or nowhere.
UNUSED = re.compile(r"/(details|export|new|ajax/lookup)/")


@pytest.mark.both
@pytest.mark.slow
def test_every_page_opens_and_nonsense_in_its_address_breaks_none(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin_world.fill()
    admin = sign_in()
    pages = dict(admin_world.addresses(app))
    assert {endpoint.partition(".")[0] for endpoint in pages} == set(WHO)
    large, nul, squared = "9" * 25, "%00", "%C2%B2"
    for endpoint, url in pages.items():
        status = admin.client.get(url).status_code
        fine = (200, 286, 302, 404) if UNUSED.search(url) else (200, 286)
        assert status in fine, f"{url}: {status}"
        asked = f"before={large}&after={nul}&q={nul}&search={nul}&who={nul}&since=x&page=-{large}"
        odd = [f"{url}{'&' if '?' in url else '?'}{asked}&area={nul}&order=place&tab=work"]
        odd += [f"{url}?after={squared}-{squared}&q={squared}"]
        odd += [re.sub(r"(?<=[/=])\d+(?=/|$)", large, url)]
        for one in odd:
            status = admin.client.get(one).status_code
            assert status < 500, f"{endpoint}: {one}: {status}"


@pytest.mark.slow
def test_each_role_opens_its_pages_and_sends_its_forms_and_no_other(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin_world.fill()
    for role in ROLES:
        _opens_and_sends_its_own(app, role, sign_in(role))


def _opens_and_sends_its_own(app: Flask, role: str, person: Person) -> None:
    for endpoint, url in admin_world.addresses(app):
        may = CLOSER.get(endpoint, WHO[endpoint.partition(".")[0]][0])
        status = person.client.get(url).status_code
        assert (url, role, status == 403) == (url, role, role not in may)
    for endpoint, url in admin_world.addresses(app, "POST"):
        if role in FORMS.get(endpoint, WHO[endpoint.partition(".")[0]][1]):
            continue
        # What only looks at a form is refused by hand, whatever its page leaves out.
        answer = person.client.post(url, data={"csrf_token": person.token, "url": "/admin/"})
        assert answer.status_code == 403, f"{role}, {endpoint}: {url}: {answer.status_code}"
