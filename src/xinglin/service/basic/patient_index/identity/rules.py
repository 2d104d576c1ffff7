"""Pure rules of the record of decisions (docs/spec/patient-index.md PI34 to PI37): which are on it, and as what."""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.kernel.encoding import pack
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.service.basic.patient_index.identity.model import Act, Reason
from xinglin.service.basic.patient_index.model import (
    Decision,
    Dismissed,
    Linked,
    Merged,
    Moved,
    Review,
    Unlinked,
    Unmerged,
)

_BOTH = frozenset({Reason.PERSON_STATED, Reason.ENTERED_WRONGLY, Reason.OTHER})
_SAME = _BOTH | {Reason.MATCHED, Reason.SAME_DOCUMENT, Reason.REGISTERED_TWICE}
_TWO = _BOTH | {Reason.OTHER_DOCUMENT, Reason.OTHER_PERSON}
REASONS_OF: dict[Act, frozenset[Reason]] = {
    Act.MERGE: _SAME,
    Act.CONFIRM: _SAME,
    Act.DECLINE: _TWO,
    Act.MOVE: _TWO,
    Act.LINK: _SAME,
    Act.UNMERGE: _TWO,
    Act.UNLINK: _TWO | {Reason.CARE_ENDED, Reason.PERSON_OBJECTS},
}
"""Which reasons go with which decision."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a decision on record is: its number among the index's rows, and of what it undoes the number on record."""

    row: int
    undoes: int | None


class Acts:
    """Numbers the decisions of people in the order in which they were taken; what the index only proposed has none."""

    def __init__(self) -> None:
        self._placed: list[Placed] = []
        self._numbers: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._placed)

    def __getitem__(self, number: int) -> Placed:
        return self._placed[number]

    def add(self, row: int, decision: Decision) -> None:
        """Take in the decision of a row."""
        if isinstance(decision, Review):
            return
        undone = None
        if isinstance(decision, Unmerged):
            undone = self._numbers.get(decision.merge)
        elif isinstance(decision, Unlinked):
            undone = self._numbers.get(decision.link)
        elif isinstance(decision, Merged):
            self._numbers[decision.merge] = len(self._placed)
        elif isinstance(decision, Linked):
            self._numbers[decision.link] = len(self._placed)
        self._placed.append(Placed(row, undone))


def act_of(decision: Decision) -> Act:
    """Return what a decision is on record as."""
    if isinstance(decision, Merged):
        return Act.CONFIRM if decision.review else Act.MERGE
    acts = {Dismissed: Act.DECLINE, Moved: Act.MOVE, Linked: Act.LINK, Unmerged: Act.UNMERGE, Unlinked: Act.UNLINK}
    return acts[type(decision)]


def named(reason: str) -> str:
    """Return the name of a reason as the index keeps it, without the note."""
    return reason.partition(":")[0]


def stated(reason: Reason, note: str = "") -> str:
    """Return a reason as decisions keep it: its name, and behind a colon the words of who decided."""
    return f"{reason.name.lower()}: {note}" if note else reason.name.lower()


def reason_of(decision: Decision) -> Reason:
    """Return the reason of a decision; OTHER where it states none of those that go with it."""
    if isinstance(decision, Linked):
        return Reason.MATCHED
    name = decision.cause if isinstance(decision, Review) else decision.reason
    found = Reason.__members__.get(name.partition(":")[0].upper(), Reason.OTHER)
    return found if found in REASONS_OF[act_of(decision)] else Reason.OTHER


def content_of(hash_: Hash, salt: bytes, decision: Decision) -> bytes:
    """Return H("identity", salt, decision): what the chain has of a decision, which says nothing without the salt."""
    return tagged(hash_, Tag.IDENTITY, salt, pack(decision))
