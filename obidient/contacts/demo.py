"""A few hundred invented supporters, for `make run` and `obidient demo`.

Names are put together from common first and family names; numbers count up through 0803 555 0000
to 0803 555 0999, a range used here for inventions only, and no message to them leaves the
simulator.
"""

import csv
import random
import tempfile
from pathlib import Path

from obidient.areas import LGAS, STATES
from obidient.contacts import imports
from obidient.contacts.models import ContactList

FIRST = (
    "Adaeze Aisha Amina Babajide Bola Chidi Chioma Danjuma Ebere Efe Emeka Fatima Folake Gambo "
    "Habiba Ibrahim Ifeoma Ireti Jumoke Kelechi Kunle Ladi Musa Ngozi Nneka Obinna Oghene Ṣadé "
    "Tamuno Tunde Uche Umar Yakubu Yẹmí Zainab"
).split()
LAST = (
    "Abdullahi Adébáyọ̀ Adeyemi Akpan Balogun Bello Danladi Edet Eze Gowon Ibe Igwe Lawal "
    "Mohammed Nwosu Obi Okafor Okonkwo Okoro Onyekachi Osagie Sani Suleiman Tamunobere Usman"
).split()
TAGS = ("volunteer", "youth", "women", "canvasser", "polling agent")
LIST = "Demo supporters"
HOW_MANY = 400


def load() -> int:
    """Import the invented supporters unless they are there; returns how many are new."""
    if ContactList.get_or_none(ContactList.name == LIST):
        return 0
    rng = random.Random(2027)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "supporters.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["phone", "first_name", "last_name", "state", "lga", "tags"])
            for number in range(HOW_MANY):
                lga = rng.choice(sorted(LGAS))
                tags = ";".join(rng.sample(TAGS, rng.randint(0, 2)))
                writer.writerow(
                    [
                        f"0803555{number:04d}",
                        rng.choice(FIRST),
                        rng.choice(LAST),
                        STATES[lga[:2]],
                        lga,
                        tags,
                    ]
                )
        return imports.run(path, list_name=LIST).new
