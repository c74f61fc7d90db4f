"""The first page: what runs now, what comes up, the last day, and whether everything is well."""

from typing import Any

from flask_admin import AdminIndexView

from obidient.admin.base import Guarded, expose


class Home(Guarded, AdminIndexView):  # type: ignore[misc]
    scopes = ()
    icon = "home"

    @expose("/")
    def index(self) -> Any:
        return self.render("admin/home.html")
