"""Files of contacts, written as people have them."""

from pathlib import Path


def write(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "c.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


# ---- files --------------------------------------------------------------------------------------

HEADER = "Phone Number,First name,Surname,State,LGA,Tags\n"


ROW = "08035550001,Ṣadé,Òkè,Lagos,Ikeja,youth;women\n"
