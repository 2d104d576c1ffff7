"""What the demonstration has at hand while it runs: its homes, and how it tells what it does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from xinglin.kernel.errors import Integrity, NotFound
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import Place
from xinglin.node.node import Group, Node, open_node, run_group
from xinglin.node.setup import NewHome
from xinglin.stakeholders.kinds import MemberKind

HOMES = (
    ("hospital-a", "Hospital A", MemberKind.MEDICAL_INSTITUTION),
    ("hospital-b", "Hospital B", MemberKind.MEDICAL_INSTITUTION),
    ("platform", "Regional Platform", MemberKind.TECHNOLOGY_PROVIDER),
    ("regulator", "Regulator", MemberKind.REGULATOR),
)
"""Folder, name and kind of each home, in the order in which they commit."""


Together = Group | Network
"""Open homes whose consortium chain runs: made by all of them in one process, or by an engine beside each."""
PASSPHRASE = "passphrase"  # noqa: S105  (the name of a file)
"""Name of the file with the passphrase of all homes."""


class NoBundles(NotFound):
    """The folder given with ``--data`` holds no bundle with a resource that can be taken in."""

    code, number, clause = "demo.no_bundles", 6151, "H3"
    en = "There is no FHIR bundle (*.json) with a valid resource in {folder}."
    zh = "{folder} 中没有含有效资源的 FHIR Bundle（*.json）。"
    hint_en = "Name a folder of FHIR bundles with --data, or leave it out for an invented cohort."
    hint_zh = "用 --data 指定 FHIR Bundle 目录；省略则使用虚构队列。"


class DemoContradiction(Integrity):
    """The demonstration saw something other than what it claims to show."""

    code, number, clause = "demo.contradiction", 6150, "S9.2"
    en = "The demonstration expected that {what}; it was not so."
    zh = "演示预期 {what}；实际并非如此。"
    hint_en = "Please report it with the output above."
    hint_zh = "请连同以上输出报告此问题。"


@dataclass(slots=True)
class Stage:
    """The demonstration's folder, its homes, its figures.

    ``language`` of refusals and notices: ``en`` or ``zh``. ``places``: where the engines listen, the applicant's last;
    none where no engines run. ``new``: those that keep the chain.
    """

    folder: Path
    console: Console
    passphrase: bytes = field(default_factory=lambda: random_bytes(16).hex().encode())
    new: dict[str, NewHome] = field(default_factory=dict)
    applicant: NewHome | None = None
    language: str = "en"
    places: Sequence[Place] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.perf_counter)

    def head(self, text: str) -> None:
        """Begin a part."""
        self.console.print(f"\n[bold]{text}[/bold]  [dim]{time.perf_counter() - self.begun:5.1f} s[/dim]")

    def say(self, text: str) -> None:
        """Tell one thing."""
        self.console.print("  " + text, markup=False)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows in columns of one width each; the last column goes on as it is."""
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for row in (heads, *rows):
            cells = [text.ljust(width) for text, width in zip(row[:-1], widths, strict=False)]
            self.console.print("  " + "  ".join([*cells, row[-1]]), markup=False, style="bold" if row is heads else "")

    @property
    def joined(self) -> NewHome:
        """The home of the member that joined by vote."""
        if self.applicant is None:
            raise LookupError("nobody has joined")
        return self.applicant

    def require(self, holds: bool, what: str) -> None:
        """Stop unless the thing shown is so."""
        if not holds:
            raise DemoContradiction(what=what)

    def expect(self, code: str, wanted: str, what: str) -> None:
        """Stop unless a refusal has the code that is claimed; the code is empty where there was none."""
        self.require(code == wanted, f"{what} [{wanted}], not [{code}]")

    def home(self, name: str) -> Path:
        """Return the folder of a home."""
        return self.folder / name

    def open(self, name: str) -> Node:
        """Open one home; its key store stays open from when it was made."""
        return open_node(self.home(name), self.passphrase, self.new[name].keys)

    @contextmanager
    def group(self, *names: str) -> Iterator[Together]:
        """Open homes together, all that keep the chain when none is named.

        Without engines no block is made but for transactions.
        """
        nodes: list[Node] = []
        try:
            nodes += [self.open(name) for name in names or self.new]
            group = Network(nodes) if self.places else run_group(nodes, heartbeat_seconds=0)
        except BaseException:
            for node in nodes:
                node.close()
            raise
        try:
            yield group
        finally:
            group.close()
