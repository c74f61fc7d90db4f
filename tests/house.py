"""Measures of the house, held by `make lint`: short files and functions, imports at the top.

Plugins use one module of ours, and no package is installed that nothing imports. The floors are
held by import-linter; see setup.cfg.

It prints as well, for information, how many imports run back up and whether any run in a circle.
Run it by hand: python tests/house.py
"""

import ast
import functools
import gc
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from configparser import ConfigParser
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FILE, LONGEST_FUNCTION = 400, 45
#: Migrations are frozen once made, however long their functions are.
FROZEN = ROOT / "obidient" / "migrations"
#: Functions that build an app, whose rooms may be imported when they are called.
BUILDERS = {"create_app", "queues_app", "init_app", "init_logging"}
#: Rooms from the ground up: an import from a lower to a higher one runs back up.
FLOORS = "accounts workers providers contacts campaigns results sync operations admin".split()


#: Package -> the module it is imported by, where that is not its own name.
MODULES = {"argon2-cffi": "argon2", "fpdf2": "fpdf", "pillow": "PIL", "python-dotenv": "dotenv"}
#: Packages that another one of them needs from us: Flask-Admin's forms are made by wtf-peewee.
BROUGHT = {"wtf-peewee"}


def sources() -> list[Path]:
    """Every Python file of ours, tests and benches too."""
    folders = ("obidient", "plugins", "tests", "bench")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def too_long(path: Path, tree: ast.Module, text: str) -> Iterator[str]:
    """What is longer than the house allows."""
    if FROZEN in path.parents:
        return
    name, lines = path.relative_to(ROOT), len(text.splitlines())
    if lines > LONGEST_FILE:
        yield f"{name} has {lines} lines: split it by subject (at most {LONGEST_FILE})."
    for node in _nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name}:{node.lineno} {node.name} has {length} lines: split it."


def late_imports(path: Path, tree: ast.Module) -> Iterator[str]:
    """`file function module` of each import of ours inside a function that builds no app."""
    for function in _nodes(tree):
        if not isinstance(function, ast.FunctionDef) or function.name in BUILDERS:
            continue
        for node in ast.walk(function):
            for module in _ours(node):
                yield f"{path.relative_to(ROOT)} {function.name} {module}"


@functools.cache
def _nodes(tree: ast.Module) -> list[ast.AST]:
    """All of a file, gone through once for all that is asked of it."""
    return list(ast.walk(tree))


def _ours(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "obidient":
        yield str(node.module)
    elif isinstance(node, ast.Import):
        yield from (one.name for one in node.names if one.name.split(".")[0] == "obidient")


def plugin_imports(path: Path, tree: ast.Module) -> Iterator[str]:
    """What a plugin takes from us beside the one public module."""
    for node in _nodes(tree):
        for module in _ours(node):
            if module != "obidient.plugin":
                yield f"{path.relative_to(ROOT)} imports {module}: plugins use obidient.plugin."


def unused_dependencies(trees: list[ast.Module]) -> Iterator[str]:
    """Packages that setup.cfg installs and that nothing imports."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    used = {name.split(".")[0] for tree in trees for name in _imported(tree)}
    for line in config["options"]["install_requires"].split("\n"):
        package = re.split(r"[\[<>=!; ]", line.strip(), maxsplit=1)[0]
        if not package or package.startswith("#") or package in BROUGHT:
            continue
        if MODULES.get(package, package.replace("-", "_")) not in used:
            yield f"setup.cfg installs {package}, which nothing imports."


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def imports(trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports at its top."""
    paths = {_module(path): path for path in trees if ROOT / "obidient" in path.parents}
    graph: dict[str, set[str]] = defaultdict(set)
    for name, path in paths.items():
        if FROZEN in path.parents:
            continue
        for node in trees[path].body:
            for module in _ours(node):
                names = [one.name for one in node.names] if isinstance(node, ast.ImportFrom) else []
                inner = {f"{module}.{one}" for one in names} & paths.keys()
                graph[name] |= inner or ({module} & paths.keys())
        graph[name].discard(name)
    return graph


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(graph: dict[str, set[str]]) -> tuple[set[tuple[str, str]], list[tuple[str, str]]]:
    """(all imports from room to room, those that run back up)."""
    found = {
        (_room(name), _room(other))
        for name, others in graph.items()
        for other in others
        if _room(name) != _room(other)
    }
    floor = {room: number for number, room in enumerate(FLOORS, 1)}
    back = [pair for pair in found if floor.get(pair[0], 0) < floor.get(pair[1], 0)]
    return found, sorted(back)


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "obidient"


def main() -> int:
    # Nothing here is rubbish before the end, and looking for it takes half the time.
    gc.disable()
    wrong: list[str] = []
    ours: dict[Path, ast.Module] = {}
    for path in sources():
        text = path.read_text("utf-8")
        tree = ast.parse(text)
        wrong += too_long(path, tree, text)
        if ROOT / "obidient" in path.parents:
            ours[path] = tree
            wrong += [
                f"{late}: import it at the top of the file." for late in late_imports(path, tree)
            ]
        elif ROOT / "plugins" in path.parents and "tests" not in path.parts:
            ours[path] = tree
            wrong += plugin_imports(path, tree)
    wrong += unused_dependencies(list(ours.values()))
    graph = imports(ours)
    found, back = arrows(graph)
    print(f"{len(graph)} modules, {len(found)} arrows between rooms, {len(back)} run back up:")
    print("  " + ", ".join(f"{one} → {other}" for one, other in back))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        wrong.append("A circle of imports: " + " → ".join(circle.args[1]))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
