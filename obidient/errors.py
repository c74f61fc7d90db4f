"""What went wrong, in one sentence a person can act on.

Domain code raises these; the API turns them into `application/problem+json`, the admin into a
message on the page, the command line into one line and exit code 1.
"""

from typing import Any


class Problem(Exception):
    """`Problem("Choose an audience first.")`; `errors` lists fields: {"field", "message"}."""

    status = 422
    title = "Invalid request"

    def __init__(self, detail: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class Invalid(Problem):
    """The request can be understood but not accepted."""


class NotFound(Problem):
    status = 404
    title = "Not found"


class Conflict(Problem):
    """The thing is not in a state in which this can be done."""

    status = 409
    title = "Conflict"


class Forbidden(Problem):
    status = 403
    title = "Forbidden"


class Unauthorized(Problem):
    status = 401
    title = "Unauthorized"


def first_line(error: BaseException) -> str:
    """The first line of an error's text, to be put into a sentence; its kind when it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
