"""No pattern of the code takes more than linear time: neighbouring runs never match the same."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from conftest import ROOT

from obidient.campaigns import text
from obidient.errors import Invalid

#: Longer runs than this count as endless.
SHORT = 64
SAMPLE = frozenset(map(chr, range(256))) | {"\u2003", "ṣ", "٣"}
CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
#: Patterns that are quadratic on paper, and why that does no harm.
BOUNDED = {
    r"[^@\s]+@[^@\s]+\.[^@\s]+": "an address, tried at 254 characters at most",
    r"[a-z][a-z0-9]*(-[a-z0-9]+)*": "a plugin's name; the dash parts the runs",
    (
        r"\W*(?:i\s*am\s*|i'?m\s*)?(?:polls?\s*(?:are\s*|have\s*)?)?"
        r"(here|arrived|open|opened|closed?)\b\W*(?:pin\W*)?([0-9]{4,8})?\W*"
    ): "a roll call by text, tried at 100 characters at most",
}

Chars = frozenset[str]


def of_category(category: Any) -> Chars:
    return frozenset(c for c in SAMPLE if re.fullmatch(CATEGORIES[category], c))


def of_set(items: Any) -> Chars:
    found: set[str] = set()
    negated = False
    for op, value in items:
        if op is codes.NEGATE:
            negated = True
        elif op is codes.LITERAL:
            found.add(chr(value))
        elif op is codes.RANGE:
            found |= {c for c in SAMPLE if value[0] <= ord(c) <= value[1]}
        elif op is codes.CATEGORY:
            found |= of_category(value)
    return SAMPLE - found if negated else frozenset(found)


def first(op: Any, value: Any) -> Chars:
    """Characters that an item of a pattern can begin with (all of one that has no other)."""
    if op is codes.LITERAL:
        return frozenset(chr(value))
    if op is codes.NOT_LITERAL:
        return SAMPLE - {chr(value)}
    if op is codes.ANY:
        return SAMPLE
    if op is codes.IN:
        return of_set(value)
    if op is codes.BRANCH:
        return frozenset().union(*(begin(branch) for branch in value[1]))
    if op is codes.SUBPATTERN:
        return begin(value[3])
    if op in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return begin(value[2])
    return frozenset()


def begin(items: Any) -> Chars:
    found: Chars = frozenset()
    for op, value in items:
        found |= first(op, value)
        optional = op in (codes.MAX_REPEAT, codes.MIN_REPEAT) and value[0] == 0
        if not (optional or op in (codes.AT, codes.ASSERT, codes.ASSERT_NOT)):
            break
    return found


def clashes(items: Any, running: Chars = frozenset()) -> Iterator[tuple[Chars, Chars]]:
    """Endless runs that are followed by another of the same characters; yields what is shared.

    `running` holds the characters of the runs that may have ended just before; the last item that
    is yielded is always (nothing, what runs at the end).
    """
    for op, value in items:
        if op is codes.SUBPATTERN:
            *found, (_, running) = clashes(value[3], running)
            yield from found
        elif op is codes.BRANCH:
            ends: Chars = frozenset()
            for branch in value[1]:
                *found, (_, end) = clashes(branch, running)
                yield from found
                ends |= end
            running = ends
        elif op in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            *found, (_, running) = of_repeat(*value, running)
            yield from found
        elif op in (codes.AT, codes.ASSERT, codes.ASSERT_NOT):
            continue
        elif not first(op, value) & running:
            running = frozenset()
    yield frozenset(), running


def of_repeat(least: int, most: int, body: Any, running: Chars) -> Iterator[tuple[Chars, Chars]]:
    *found, (_, inner) = clashes(body, running)
    yield from found
    if most > SHORT:
        for before in (running, inner):
            # What went before, or, of a run within a run, its end that meets its own beginning.
            if shared := begin(body) & before:
                yield shared, frozenset()
        inner |= begin(body)
    yield frozenset(), inner | (running if least == 0 else frozenset())


def is_linear(pattern: str | bytes) -> bool:
    return len(list(clashes(parser.parse(pattern)))) == 1


def patterns() -> list[tuple[str, str | bytes]]:
    """Every pattern that is written out in a call of `re`, with its place."""
    found: list[tuple[str, str | bytes]] = []
    for folder in ("obidient", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found += [(f"{path.relative_to(ROOT)}", one) for one in written_in(path)]
    return found


def written_in(path: Path) -> Iterator[str | bytes]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of, name = node.func.value, node.func.attr
            if isinstance(of, ast.Name) and of.id == "re" and name != "escape":
                yield spelled(node.args[0])


def spelled(node: ast.expr) -> str | bytes:
    """A pattern as it is written; an x stands for what is put in."""
    if isinstance(node, ast.Constant):
        given: str | bytes = node.value
        return given
    if isinstance(node, ast.JoinedStr):
        return "".join(str(spelled(part)) for part in node.values)
    if isinstance(node, ast.BinOp):
        return f"{spelled(node.left)!s}{spelled(node.right)!s}"
    return "x"


@pytest.mark.parametrize(
    ("pattern", "linear"),
    [
        (r"\{\{\s*([^{}|]*?)\s*(?:\|([^{}]*))?\}\}", False),
        (r"(a+)+b", False),
        (r"\s*(x\s*)?,", True),
        (r"\s*([0-9]{0,18})\s*-", False),
        (r"\{\{([^{}]*)\}\}", True),
        (r"[a-z]+[0-9]+", True),
        (r"(?:a|\w)*c", True),
        (r".*x.*", False),
    ],
)
def test_the_check_sees_what_goes_back(pattern: str, linear: bool) -> None:
    assert is_linear(pattern) is linear


@pytest.mark.slow
def test_no_pattern_of_the_code_has_neighbours_that_match_the_same() -> None:
    found = patterns()
    assert len(found) > 60
    wrong = [(place, one) for place, one in found if one not in BOUNDED and not is_linear(one)]
    assert wrong == []


# ---- templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["{{", "{{ first_name", "{{|", "{ first_name", "{{" * 500])
def test_blanks_in_braces_cost_no_more_than_other_text(begin: str) -> None:
    """With 1,600 blanks one pass took 40 seconds; with these it would take years."""
    template = begin + " " * 200_000
    assert text.fields(template) == []
    assert text.without_default(template) == []
    assert not text.is_personalised(template)


def test_a_field_is_read_as_before() -> None:
    template = "Dear {{ first_name | friend | of ours }}, {{lga}} {{ ward|}} {{\n full_name}}"
    assert text.fields(template) == ["first_name", "lga", "ward", "full_name"]
    assert text.without_default(template) == ["lga", "ward", "full_name"]
    assert text.render(template, {"lga": "Aba"}) == "Dear friend | of ours, Aba"


def test_a_template_that_is_far_too_long_is_refused_before_any_pattern() -> None:
    with pytest.raises(Invalid, match="5,000 characters at most"):
        text.validate("{" * 5_001)
