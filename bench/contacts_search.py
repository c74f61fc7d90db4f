"""Finding one of a million contacts by any part of a number or name, beside a look at every row.

    python bench/contacts_search.py [--contacts 1000000] [--rounds 5] [--only sqlite|postgres]

The contacts come through the import, as people's own do: names of five languages, some of which a
tenth of all people have and some only one. Each search is for a page of 50. Printed are the median
of its rounds and its processor time in this process; the baseline is the same search by LIKE, which
both databases answer by reading rows. Exits 1 when a median is above the 50 ms of the promise.
What is read of a file before an import begins (its encoding, its columns) is timed as well.
"""

import argparse
import csv
import random
import statistics
import time
from pathlib import Path
from typing import Any

from rig import Rig

from obidient.contacts import imports, search
from obidient.contacts.models import Contact
from obidient.database import db, is_postgres

#: Milliseconds.
PROMISED = 50.0
FIRSTS = (
    "Adaeze Chidi Ngozi Emeka Nneka Obinna Ṣọlá Fúnmi Tunde Yetunde Kẹ́hìndé Táíwò Aisha Musa Hauwa "
    "Ibrahim Fatima Sani Zainab Usman Blessing Godwin Patience Sunday Efe Oghenero Ebi Tamuno"
).split()
LASTS = (
    "Okafor Eze Nwosu Okonkwo Adébáyọ̀ Ogunlẹ́yẹ Balogun Fashọla Bello Abubakar Ɗanjuma Yusuf Lawal "
    "Okon Bassey Etim Tyav Igbinedion Osagie Amadi"
).split()
SYLLABLES = "ba be bi da de di fa go ka ke la li ma mo na no ra re sa te wa yo za".split()
SEARCHES = {
    "4 digits": ["1234", "0000", "9731", "8035"],
    "5 to 7 digits": ["31234", "555012", "9912345"],
    "a beginning": ["0803", "+234803", "0803012"],
    "a number": ["08030123456", "+2348030999999"],
    "a name many have": ["okafor", "musa", "sola", "adebayo"],
    "part of a name": ["kafor", "bayo", "njuma", "gunl", "edinion"],
    "two parts": ["ngo oko", "fati lawal", "kehin fash"],
    "a rare name": ["unicum", "nicu"],
    "nobody": ["xyzxyz", "0000000000"],
}


def make_file(path: Path, rows: int) -> None:
    """Common names first, then names made of syllables; one person has a name of their own."""
    rng = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone", "first name", "surname", "occupation"])
        for number in range(rows):
            last = rng.choice(LASTS)
            if number % 3 == 0:
                last = "".join(rng.choices(SYLLABLES, k=3)).capitalize()
            if number == rows // 2:
                last = "Unicum"
            job = "trader" if number % 4 == 0 else ""
            writer.writerow([f"0{8030000000 + number}", rng.choice(FIRSTS), last, job])


def by_like(typed: str) -> None:
    """What a page would do without an index of parts."""
    within = f"%{typed.lstrip('+')}%"
    names = Contact.full_name**within
    condition = (Contact.phone**within) if search.is_number(typed) else names
    list(Contact.select().where(condition).order_by(Contact.id.desc()).limit(50))


def timed(work: Any, typed: str, rounds: int) -> tuple[float, float]:
    """Median milliseconds on the clock, and of this process's processor."""
    clock, cpu = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        work(typed)
        clock.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return statistics.median(clock), statistics.median(cpu)


def find(typed: str) -> None:
    search.find(Contact.select(), typed, 50)


def run(name: str, embedded: bool, contacts: int, rounds: int) -> bool:
    """Print a line a kind of search; whether all kept the promise."""
    with Rig(embedded) as rig:
        path = Path(rig.environ["DATA_DIR"]) / "contacts.csv"
        make_file(path, contacts)
        began = time.perf_counter()
        imports.preview(path)
        took = time.perf_counter() - began
        print(f"{name}: encoding and columns of {path.stat().st_size / 1e6:.0f} MB {took:.2f} s")
        imports.run(path)
        db.execute_sql("VACUUM ANALYZE" if is_postgres() else "ANALYZE")
        kept = took < 1.0
        for kind, several in SEARCHES.items():
            ours = {typed: timed(find, typed, rounds) for typed in several}
            likes = [timed(by_like, typed, 1)[0] for typed in several]
            worst = max(ours, key=lambda typed: ours[typed][0])
            clock, cpu = ours[worst]
            print(
                f"  {kind:<17} worst {clock:6.1f} ms ({cpu:.1f} ms of CPU here) for {worst!r}; "
                f"by LIKE {max(likes):7.1f} ms",
                flush=True,
            )
            kept &= clock <= PROMISED
        return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    chosen = parser.parse_args()
    kept = True
    for name, embedded in (("SQLite", True), ("PostgreSQL", False)):
        if chosen.only in (None, "sqlite" if embedded else "postgres"):
            kept &= run(name, embedded, chosen.contacts, chosen.rounds)
    if not kept:
        raise SystemExit("a search took longer than promised")


if __name__ == "__main__":
    main()
