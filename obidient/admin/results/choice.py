"""The page of a room on which one of the elections is chosen first."""

from typing import Any

from obidient.admin.base import SecureView, expose
from obidient.results.models import Election


class ElectionChoice(SecureView):
    """A room whose first page lists the elections, each leading to the page `opens`."""

    opens = "election"
    #: What is said below "No elections yet".
    without = ""

    @expose("/")
    def index(self) -> Any:
        rows = list(Election.select().order_by(Election.created_at.desc()).limit(200))
        return self.render("admin/results/choice.html", elections=rows)
