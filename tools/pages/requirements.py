"""Which requirement lines hold and what shows it (docs/requirements/index.md), from the markers of the tests.

A test says `@pytest.mark.requirement("S9.1")` when it shows that line working; `command="xinglin ..."` adds
the command with which a person sees the same, and `part="..."` says which part of the line holds and which does
not yet: the line then counts as holding in part, whatever other tests show of it. The markers are read from the
source text, so no test needs to be imported.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.pages.markdown import plain

HEAD = """# Requirements

The {total} lines that Xinglin has to show, and what shows each of them: {held} hold, {partly} hold in part,
{open} not yet. A line holds only when a test or a command shows it working on the running system. S lines come
from T/ZADT 005-2022 (clause by clause), H lines from the health-archive paper, W lines from the smart-medicine
paper. This page is generated from the tests.
"""
AREAS = {
    "S1": "Purpose", "S3": "Terms (clause 3)", "S5": "Framework (clause 5)", "S6": "Carrier layer (clause 6)",
    "S7": "Service layer (clause 7)", "S8": "Application layer (clause 8)", "S9": "Environment (clause 9)",
    "H": "Health-archive system", "W": "Smart-medicine platforms",
}  # fmt: skip


class Evidence(NamedTuple):
    """One marker: the requirement, the test that carries it, the command that shows the same, the part that holds."""

    requirement: str
    test: str
    command: str
    part: str


def page(root: Path) -> str:
    """Return the page.

    Args:
        root: the folder of the repository.
    Raises: ValueError: a marker names no requirement, or one that does not exist.
    """
    lines = read_lines(root)
    evidence = defaultdict(list)
    for item in collect(root):
        if item.requirement not in lines:
            raise ValueError(f"{item.test}: there is no requirement {item.requirement!r}")
        evidence[item.requirement].append(item)
    partly = sum(any(item.part for item in items) for items in evidence.values())
    held, left = len(evidence) - partly, len(lines) - len(evidence)
    text = HEAD.format(total=len(lines), held=held, partly=partly, open=left)
    for prefix, title in AREAS.items():
        text += f"\n## {title}\n\n| id | requirement | holds |\n|---|---|---|\n"
        text += "".join(
            f"| {id_} | {sentence} | {shown(evidence[id_])} |\n"
            for id_, sentence in lines.items()
            if id_.startswith(prefix)
        )
    return text


def read_lines(root: Path) -> dict[str, str]:
    """Return the requirement lines, id to sentence, in their order."""
    rows = (root / "docs/requirements/lines.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return dict(row.split("\t") for row in rows)


def shown(evidence: list[Evidence]) -> str:
    """Return the cell that says what shows a line: the part that holds, then commands, then the tests by file."""
    if not evidence:
        return "not yet"
    parts = sorted({f"In part: {plain(item.part)}" for item in evidence if item.part})
    commands = sorted({f"`{item.command}`" for item in evidence if item.command})
    files: dict[str, list[str]] = defaultdict(list)
    for item in sorted(evidence):
        file, _, name = item.test.partition("::")
        if name not in files[file]:
            files[file].append(name)
    tests = [f"`{file}`: {', '.join(f'`{name}`' for name in names)}" for file, names in sorted(files.items())]
    return "<br>".join([*parts, *commands, *tests])


def collect(root: Path) -> Iterator[Evidence]:
    """Yield the markers of all test files, in the order of the files."""
    for path in sorted((root / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        yield from collect_in(tree, path.relative_to(root / "tests").as_posix(), ())


def collect_in(node: ast.AST, file: str, names: tuple[str, ...]) -> Iterator[Evidence]:
    """Yield the markers on functions and classes below one node, and those of `pytestmark`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*names, child.name)
            for decorator in child.decorator_list:
                yield from read_marker(decorator, f"{file}::{'::'.join(inner)}")
            yield from collect_in(child, file, inner)
        elif isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "pytestmark":
            markers = child.value.elts if isinstance(child.value, ast.List | ast.Tuple) else [child.value]
            for marker in markers:
                yield from read_marker(marker, f"{file}::{'::'.join(names) or 'all'}")


def read_marker(node: ast.expr, test: str) -> Iterator[Evidence]:
    """Yield one piece of evidence for each id of a requirement marker; nothing for any other decorator."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "pytest.mark.requirement":
        return
    try:
        ids = [ast.literal_eval(argument) for argument in node.args]
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
    except ValueError:
        raise ValueError(f"{test}: write the requirement ids out, as strings") from None
    if not ids or set(options) - {"command", "part"}:
        raise ValueError(
            f"{test}: a requirement marker takes ids, `command` if a command shows it, `part` if a part holds"
        )
    if "part" in options and (len(ids) != 1 or not options["part"]):
        raise ValueError(f"{test}: `part` says something, and of one requirement")
    for id_ in ids:
        yield Evidence(id_, test, options.get("command", ""), options.get("part", ""))
