"""Nigeria as a grid of 37 tiles of one size: a large state must not look like many votes."""

#: Rows from north to south; each state stands near its neighbours.
GRID = """
.. SO ZA KT KN JI YO BO
.. KE NI KD PL BA GO AD
OY KW KO FC NA BE TA ..
OG OS EK ED EN EB CR ..
LA ON DE AN IM AB AK ..
.. .. .. BY RI .. .. ..
"""

#: Official state codes in their order, 01 to 37, by abbreviation.
ABBREVIATIONS = (
    "AB AD AK AN BA BY BE BO CR DE EB ED EK EN GO IM JI KD KN KT "
    "KE KO KW LA NA NI OG ON OS OY PL RI SO TA YO ZA FC"
).split()


def _positions() -> dict[str, tuple[str, int, int]]:
    codes = {short: f"{number:02d}" for number, short in enumerate(ABBREVIATIONS, 1)}
    found = {}
    for row, line in enumerate(GRID.split("\n")[1:-1], 1):
        for column, short in enumerate(line.split(), 1):
            if short in codes:
                found[codes[short]] = (short, row, column)
    return found


#: Code of a state -> abbreviation, row and column, from 1.
TILES = _positions()
