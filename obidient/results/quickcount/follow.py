"""A quick count from draw to release: kept, followed as sheets arrive, shown once released."""

import csv
import io
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
from peewee import chunked

from obidient.accounts import audit
from obidient.areas import Area, area_name, level_of
from obidient.clock import isoformat, utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results import generation
from obidient.results.elections import get, lies_in, parties_of
from obidient.results.live.documents import head
from obidient.results.models import Election, UnitResult
from obidient.results.quickcount import design, missing
from obidient.results.quickcount.estimate import Estimate, Sample, Share, estimate
from obidient.results.quickcount.models import QuickCount, QuickCountUnit
from obidient.results.sheets import Figures
from obidient.results.tally import lock_election

ZONE_NAMES = {
    "NW": "North West",
    "NE": "North East",
    "NC": "North Central",
    "SW": "South West",
    "SE": "South East",
    "SS": "South South",
}
LONGEST_SEED = 200
CHUNK = 500


def kinds_for(election: Election) -> tuple[str, ...]:
    """How an election's polling units may be parted into strata; the usual way first."""
    return {
        "nation": ("states", "zones", "lgas"),
        "state": ("lgas", "wards"),
    }.get(level_of(election.area_code), ("wards",))


def draw(
    election_id: str,
    size: int,
    seed: str = "",
    strata: str = "",
    allocation: str = "proportional",
    turnout: Mapping[str, float] | None = None,
) -> QuickCount:
    """Draw a sample from the register and keep it; without a seed a secret one is made up.

    Publish the seed. One that others had a hand in, such as the numbers of a lottery, shows that
    the sample was not chosen until it pleased. Raises NotFound, Invalid.
    """
    election = get(election_id)
    kind = strata or kinds_for(election)[0]
    if kind not in kinds_for(election):
        raise Invalid(f"strata {kind!r}: use one of {', '.join(kinds_for(election))}.")
    if allocation not in design.ALLOCATIONS:
        raise Invalid(f"allocation {allocation!r}: use {' or '.join(design.ALLOCATIONS)}.")
    seed = seed.strip() or secrets.token_hex(16)
    if len(seed) > LONGEST_SEED or not seed.isprintable():
        raise Invalid(f"The seed must be one line of at most {LONGEST_SEED} letters.")
    found, members = design.strata_of(_register(election), kind)
    if turnout is not None:
        _check_turnout(set(turnout), set(members))
    design.allocate(found, size, allocation, turnout)
    rows = _chosen(found, members, seed)
    with db.atomic():
        made: QuickCount = QuickCount.create(
            election_id=election_id,
            seed=seed,
            strata=kind,
            allocation=allocation,
            size=size,
            design=orjson.dumps([one.as_json() for one in found]).decode(),
            drawn_by=audit.actor_name(),
        )
        table = QuickCountUnit
        fields = [table.quick_count, table.unit_code, table.stratum, table.voters, table.ward_units]
        for batch in chunked(rows, CHUNK):
            table.insert_many([(made.id, *row) for row in batch], fields=fields).execute()
        sentence = f"Drew {size:,} polling units for a quick count of {election.name}"
        audit.record("quickcount.drawn", sentence, "election", election_id, seed=seed)
    return made


def _check_turnout(given: set[str], strata: set[str]) -> None:
    """Where one stratum had no turnout beside the others', it would weigh too much."""
    missing, unknown = sorted(strata - given), sorted(given - strata)
    if missing:
        raise Invalid(f"The turnout file has no line for {_some(missing)}: give each stratum one.")
    if unknown:
        raise Invalid(f"The turnout file names {_some(unknown)}: no stratum here has that code.")


def _some(codes: list[str]) -> str:
    more = f" and {len(codes) - 5} more" if len(codes) > 5 else ""
    return ", ".join(code[:12] for code in codes[:5]) + more


def _chosen(
    strata: list[design.Stratum], members: Mapping[str, list[design.Unit]], seed: str
) -> list[tuple[str, str, float, int]]:
    """(code, stratum, voters, units of its ward) of every unit drawn."""
    wards = Counter(unit.code[:8] for some in members.values() for unit in some)
    return [
        (unit.code, one.name, unit.voters or one.mean, wards[unit.code[:8]])
        for one in strata
        for unit in design.draw(members[one.name], one.drawn, seed)
    ]


def _register(election: Election) -> list[design.Unit]:
    rows: Any = Area.select(Area.code, Area.registered_voters).where(Area.level == "unit")
    found = rows.order_by(Area.code).tuples()
    return [design.Unit(*row) for row in found if lies_in(row[0], election)]


def read_turnout(data: bytes) -> dict[str, float]:
    """Turnout of last time: a CSV of `stratum,turnout` in percent. Raises Invalid."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        found = {row["stratum"].strip(): float(row["turnout"]) / 100 for row in rows}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid("The turnout file needs the columns stratum,turnout, in percent.") from None
    if any(not 0 < share <= 1 for share in found.values()):
        raise Invalid("A turnout must be above 0 and at most 100 percent.")
    return found


def newest(election_id: str) -> QuickCount:
    """The draw that is followed. Raises NotFound."""
    get(election_id)
    query = QuickCount.select().where(QuickCount.election_id == election_id)
    found: QuickCount | None = query.order_by(QuickCount.id.desc()).first()
    if found is None:
        raise NotFound("No quick count was drawn for this election.")
    return found


def units_of(quick: QuickCount) -> list[QuickCountUnit]:
    table = QuickCountUnit
    query = table.select().where(table.quick_count == quick.id)
    return list(query.order_by(table.unit_code))


# ---- how it stands ------------------------------------------------------------------------------


def status(quick: QuickCount) -> dict[str, Any]:
    """The quick count as JSON: shares with margins, the lead, what arrived, and warnings."""
    election = get(quick.election_id)
    parties = [party.code for party in parties_of(election.id)]
    drawn = units_of(quick)
    counted, doubted = _sheets(quick.election_id, [unit.unit_code for unit in drawn])
    strata = orjson.loads(quick.design)
    samples = _samples(strata, drawn, counted, parties)
    found = estimate(samples, parties, design.zone_of)
    looks = [
        missing.Drawn(unit.stratum, unit.voters, unit.ward_units, unit.unit_code in counted)
        for unit in drawn
    ]
    warnings = missing.warnings(looks, stratum_name)
    if found is not None and found.joined:
        names = ", ".join(stratum_name(name) for name in found.joined)
        warnings.append(f"Fewer than two units have arrived of {names}: a neighbour stands for it.")
    result = _result(found, parties)
    return {
        "election": head(election),
        "seed": quick.seed,
        "strataOf": quick.strata,
        "allocation": quick.allocation,
        "drawnAt": isoformat(quick.drawn_at),
        "drawn": len(drawn),
        "arrived": len(counted),
        "underReview": doubted,
        **result,
        "sentence": _sentence(result, len(counted), len(drawn)),
        "warnings": warnings,
        "strata": [
            {
                "code": one["name"],
                "name": stratum_name(one["name"]),
                "units": one["units"],
                "voters": round(one["voters"]),
                "drawn": one["drawn"],
                "arrived": len(samples[one["name"]].valid),
            }
            for one in strata
        ],
        "releasedAt": isoformat(quick.released_at),
    }


def stratum_name(code: str) -> str:
    return ZONE_NAMES.get(code) or area_name(code)


def _sheets(election_id: str, codes: list[str]) -> tuple[dict[str, Figures], int]:
    """What counts for each unit, and how many of them are under review."""
    counted: dict[str, Figures] = {}
    doubted = 0
    for some in chunked(codes, CHUNK):
        rows = UnitResult.select().where(
            UnitResult.election_id == election_id, UnitResult.unit_code.in_(some)
        )
        for row in rows:
            doubted += row.in_review
            if row.figures:
                counted[row.unit_code] = Figures.loads(row.figures)
    return counted, doubted


def _samples(
    strata: list[dict[str, Any]],
    drawn: list[QuickCountUnit],
    counted: dict[str, Figures],
    parties: list[str],
) -> dict[str, Sample]:
    samples = {
        one["name"]: Sample(one["units"], one["voters"], [], [], {code: [] for code in parties})
        for one in strata
    }
    for unit in drawn:
        figures = counted.get(unit.unit_code)
        if figures is None:
            continue
        sample = samples[unit.stratum]
        sample.voters.append(unit.voters)
        sample.valid.append(figures.valid)
        for code in parties:
            sample.votes[code].append(figures.votes.get(code, 0))
    return samples


def _result(found: Estimate | None, parties: list[str]) -> dict[str, Any]:
    if found is None:
        return {"parties": [], "lead": None}
    ranked = sorted(parties, key=lambda code: -found.shares[code].share)
    lead = None
    if len(ranked) > 1:
        ahead = found.lead(ranked[0], ranked[1])
        lead = {
            "first": ranked[0],
            "second": ranked[1],
            **_points(ahead),
            "clear": ahead.share > ahead.margin > 0,
        }
    return {
        "parties": [{"partyCode": code, **_points(found.shares[code])} for code in ranked],
        "lead": lead,
    }


def _points(share: Share) -> dict[str, str]:
    """Percent, and percentage points; a margin is never rounded to nothing."""
    return {
        "percentage": f"{100 * share.share:.2f}",
        "margin": f"{max(100 * share.margin, 0.005) + 0.0049:.2f}",
    }


def _sentence(result: dict[str, Any], arrived: int, drawn: int) -> str:
    """What may be said of it, and no more."""
    lead = result["lead"]
    here = f"{arrived:,} of {drawn:,} units drawn have reported."
    if lead is None:
        return f"Too few sheets for an estimate. {here}"
    first, second = lead["first"], lead["second"]
    apart = f"{lead['percentage']} points, give or take {lead['margin']}"
    if lead["clear"]:
        return f"{first} is ahead of {second} by {apart}. {here}"
    return f"The sample can’t tell {first} and {second} apart: {apart}. {here}"


# ---- release ------------------------------------------------------------------------------------


def release(election_id: str) -> QuickCount:
    """Show the public what the newest quick count says now; it stays so until released again."""
    with db.atomic():
        lock_election(election_id)
        quick = newest(election_id)
        document = status(quick)
        if not document["parties"]:
            raise Conflict("There is no estimate yet: wait for sheets of the units drawn.")
        quick.released_at = utcnow()
        quick.released_by = audit.actor_name()
        document["releasedAt"] = isoformat(quick.released_at)
        document["units"] = [unit.unit_code for unit in units_of(quick)]
        quick.released = orjson.dumps(document).decode()
        quick.save()
        audit.record(
            "quickcount.released",
            f"Released the quick count of {document['election']['electionName']}: "
            f"{document['sentence']}",
            "election",
            election_id,
        )
    generation.invalidate(election_id)
    return quick


def withdraw(election_id: str) -> None:
    """Take the quick count back from the public."""
    with db.atomic():
        lock_election(election_id)
        get(election_id)
        QuickCount.update(released=None, released_at=None, released_by="").where(
            QuickCount.election_id == election_id
        ).execute()
        audit.record("quickcount.withdrawn", "Withdrew the quick count", "election", election_id)
    generation.invalidate(election_id)


def is_released(election_id: str) -> bool:
    """Whether the public sees a quick count of an election."""
    shown = QuickCount.election_id == election_id, QuickCount.released_at.is_null(False)
    return bool(QuickCount.select().where(*shown).exists())


def released(election_id: str) -> bytes:
    """The document that was released last. Raises NotFound."""
    get(election_id)
    query = QuickCount.select(QuickCount.released).where(
        QuickCount.election_id == election_id, QuickCount.released.is_null(False)
    )
    found = query.order_by(QuickCount.id.desc()).first()
    if found is None:
        raise NotFound("No quick count of this election was released.")
    text: str = found.released
    return text.encode()
