"""Letters as people type them in a hurry: without their marks."""

import unicodedata


def without_marks(text: str) -> str:
    """The text with each letter's marks taken off, in compatible plain forms: `ẹ̀kọ́` is `eko`."""
    spread = unicodedata.normalize("NFKD", text)
    return "".join(one for one in spread if not unicodedata.combining(one))
