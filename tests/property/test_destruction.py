"""Invariant 6: whatever a home has done before, of a destroyed record nothing is left, and of the others everything.

Random intakes, corrections, reads, quarantines, holds, merges, orders and destructions on a real home; then every file
of it, and of a copy made after, is searched for key, salts, handle and plaintext of each destroyed record, and what is
kept sealed elsewhere is opened and searched too. A model says what may be destroyed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.support.fhir_bundles import text
from tests.support.old_stays import OLD, RECENT, Office, at_the_office, correct, log_read, make_old_hospital
from tests.support.remains import Needles, needles_of, opened_elsewhere
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.lifecycle.collection.fhir.findings import Issue
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.storage.errors import RecordShredded

REFUSALS = {
    "destruction.retention", "destruction.hold", "destruction.encounter", "destruction.patient", "destruction.ordered",
    "records.order_unknown", "records.order_exists", "hold.too_late", "vault.destroyed",
}  # fmt: skip
"""What the sequences may meet with; whatever else is refused is a fault."""
HISTORIES = int(os.environ.get("XINGLIN_HISTORIES", "6"))
ISSUE = Issue("a-rule-of-before", "error", "invalid", "Observation", "refused by it")
T = TypeVar("T")
choice = st.integers(0, 3)
"""One of the newest few: what happens to a record is more telling than to which."""


@pytest.fixture(scope="module")
def old_hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a hospital with old stays, from which each sequence begins."""
    folder = tmp_path_factory.mktemp("old")
    make_old_hospital(folder / "home", notes=1)
    Histories.origin = folder
    return folder


def one_of(values: list[T], which: int) -> T:
    """Return one of the newest."""
    return values[-1 - which % len(values)]


def attempt(act: Callable[[], list[str]]) -> list[str]:
    """Return what an act did: nothing where it is refused for one of the reasons that are expected."""
    try:
        return act()
    except PlatformError as refusal:
        if refusal.code not in REFUSALS:
            raise
        return []


class Histories(RuleBasedStateMachine):
    """A home and the model of it: whose each record is, its line of versions, its needles; holds; orders."""

    origin: Path

    @initialize()
    def begin(self) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="history-")
        self.folder = Path(self.scratch.name) / "at"
        shutil.copytree(self.origin, self.folder)
        self.home = self.folder / "home"
        self.needles: dict[str, Needles] = {}
        self.words: dict[str, bytes] = {}
        self.person: dict[str, str] = {}
        self.line: dict[str, int] = {}
        self.current: dict[int, str] = {}
        self.confirmed: set[str] = set()
        self.ordered: set[str] = set()
        self.destroyed: set[str] = set()
        self.holds: dict[str, tuple[str, int | str]] = {}
        self.taken = 0
        self._open()
        for name, record in self.at.ids.items():
            self._know(record, OLD if name.startswith(OLD) else RECENT, len(self.line))

    def _open(self) -> None:
        self.stack = ExitStack()
        self.at: Office = self.stack.enter_context(at_the_office(self.home))

    def _know(self, record: str, person: str, line: int) -> None:
        archive = self.at.archive
        self.needles[record] = needles_of(archive, archive.vault.find(record))
        self.words[record] = archive.vault.read(record)
        self.person[record], self.line[record], self.current[line] = person, line, record

    def _standing(self) -> list[str]:
        """Return what stands, the newest last."""
        return [one for one in self.needles if one not in self.destroyed | self.ordered]

    def _held(self, record: str) -> bool:
        return any(what in (self.person[record], self.line[record]) for _, what in self.holds.values())

    # --- what happens in a home ---

    @rule(number=choice)
    def take_in(self, number: int) -> None:
        self._take_in(number)

    def _take_in(self, number: int) -> None:
        person, stay = ((OLD, "1983"), (OLD, "2020"), (RECENT, "2017"))[number % 3]
        self.taken += 1
        name = f"taken-{self.taken}"
        resource = {
            "resourceType": "Observation",
            "id": name,
            "status": "final",
            "code": {"text": "finding"},
            "subject": {"reference": f"Patient/{person}"},
            "encounter": {"reference": f"Encounter/{person}-{stay}"},
            "valueString": f"Unmistakable finding number {self.taken} of {person}",
        }
        collected = CollectedResource(
            position=1,
            resource_type="Observation",
            logical_id=name,
            original=text(resource),
            subject=person,
            occasion=f"{person}-{stay}",
        )
        archive = self.at.archive
        report = archive.take_in("file", [Incoming([collected])])
        assert (report.accepted, report.quarantined) == (1, 0)
        row = archive.vault.index.by_number(archive.vault.index.last_number())
        self._know(identifier(row.record), person, len(self.current))  # type: ignore[union-attr]

    @rule(which=choice)
    def correct(self, which: int) -> None:
        lines = [line for line, record in self.current.items() if record in self._standing()]
        notes = [one for one in lines if b'"Observation"' in self.words[self.current[one]]]
        if notes:
            line = one_of(notes, which)
            old = self.current[line]
            new = correct(self.at.archive, old, self.at.one, valueString=f"Corrected finding {which} {len(self.words)}")
            self._know(new, self.person[old], line)

    @rule(which=choice, stranger=st.booleans())
    def read(self, which: int, stranger: bool) -> None:
        if records := self._standing():
            record = one_of(records, which)
            log_read(self.at.archive, record, identifier(b"m" * 16) if stranger else self.at.archive.node.member)
            assert self.at.archive.vault.read(record) == self.words[record]

    @rule(which=choice)
    def quarantine(self, which: int) -> None:
        records = self._standing()
        if records:
            self.at.archive.quarantine.put(self.words[one_of(records, which)], [ISSUE])

    @rule()
    def restart(self) -> None:
        self.stack.close()
        self._open()

    # --- what the records office does ---

    @rule(which=choice, whole=st.booleans())
    def hold(self, which: int, whole: bool) -> None:
        if records := [one for one in self.needles if one not in self.destroyed]:
            record, paper = one_of(records, which), bytes(32)
            if whole:
                self.holds[self.at.office.hold_patient(record, "court", paper, self.at.one)] = (
                    record,
                    self.person[record],
                )
            else:
                [hold] = self.at.office.hold_records([record], "court", paper, self.at.one)
                self.holds[hold] = (record, self.line[record])

    @precondition(lambda self: self.holds)
    @rule(which=choice)
    def release(self, which: int) -> None:
        self._release(one_of(list(self.holds), which))

    def _release(self, hold: str) -> None:
        self.at.office.release_hold(hold, bytes(32), self.at.one)
        self.at.office.confirm_release(hold, self.at.two)
        del self.holds[hold]

    @rule(which=st.lists(choice, min_size=1, max_size=4), confirmed=st.booleans())
    def order(self, which: list[int], confirmed: bool) -> None:
        self._order(sorted({one_of(list(self.needles), one) for one in which}), confirmed=confirmed)

    def _order(self, records: list[str], *, confirmed: bool) -> None:
        ordered = attempt(lambda: self.at.office.order(records, "retention_ended", self.at.one))
        assert not any(self._held(one) for one in ordered)
        assert RECENT not in {self.person[one] for one in ordered}, "retention runs"
        self.ordered |= set(ordered)
        if confirmed:
            self.confirmed |= set(attempt(lambda: self.at.office.confirm(ordered, self.at.two)))

    @rule()
    def carry_out(self) -> None:
        self._carry_out()

    def _carry_out(self) -> None:
        done = self.at.office.carry_out()
        destroyed = {one["record"] for one in done["certificates"]}
        assert destroyed <= self.confirmed
        assert not any(self._held(one) for one in destroyed), "a hold placed after the order stops it"
        assert {one["record"] for one in done["waiting"]} == self.confirmed - destroyed
        assert {one["code"] for one in done["waiting"]} <= REFUSALS
        self.destroyed |= destroyed
        self.confirmed -= destroyed

    # --- the end ---

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        try:
            # Whatever the sequence was, something is destroyed at the end.
            self._take_in(0)
            self._destroy_what_may_go()
            for hold in sorted(self.holds):
                self._release(hold)
            self._destroy_what_may_go()
            assert self.destroyed
            shutil.copytree(self.home, self.folder / "live")
            self._compare()
            self.stack.close()
            shutil.copytree(self.home, self.folder / "backup")
            for where in (self.home, self.folder / "live", self.folder / "backup"):
                assert self._found(where) == []
        finally:
            self.stack.close()
            self.scratch.cleanup()

    def _destroy_what_may_go(self) -> None:
        for record in self._standing():
            self._order([record], confirmed=True)
        self._carry_out()

    def _compare(self) -> None:
        archive = self.at.archive
        for record in sorted(set(self.needles) - self.destroyed):
            assert archive.vault.read(record) == self.words[record], "what is not destroyed is whole"
        for record in sorted(self.destroyed):
            with pytest.raises(RecordShredded):
                archive.vault.read(record)
        elsewhere = list(opened_elsewhere(archive))
        for record in sorted(self.destroyed):
            assert not [where for where, data in elsewhere if self.words[record] in data], "nor is it kept elsewhere"

    def _found(self, folder: Path) -> list[tuple[str, str]]:
        data = [(path, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]
        return [
            (what, str(path.relative_to(folder)))
            for record in sorted(self.destroyed)
            for what, forms in self.needles[record].forms.items()
            for path, held in data
            if any(form in held for form in forms)
        ]


@pytest.mark.requirement("S7.1f", part="the node's own copies; what others have is listed, not destroyed")
def test_nothing_is_left_of_what_is_destroyed(old_hospital: Path) -> None:
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink a history takes minutes
    Histories.TestCase.settings = settings(max_examples=HISTORIES, stateful_step_count=12, deadline=None, phases=phases)
    Histories.TestCase().runTest()
