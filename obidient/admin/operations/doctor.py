"""The doctor as a page: what would bite in production, the worst first, each with its cure."""

from typing import Any

from obidient.admin.base import SecureView, expose
from obidient.operations import doctor

ORDER = ("error", "warning", "ok")


class Doctor(SecureView):
    icon = "check"
    lead = "What would bite in production, each with its cure. The same as: obidient doctor"

    @expose("/")
    def index(self) -> Any:
        found = doctor.examine()
        every = [line for lines in found.values() for line in lines]
        return self.render(
            "admin/operations/doctor.html",
            tab="doctor",
            subjects={
                subject: sorted(lines, key=lambda line: ORDER.index(line.state))
                for subject, lines in found.items()
            },
            numbers={state: sum(line.state == state for line in every) for state in ORDER},
        )
