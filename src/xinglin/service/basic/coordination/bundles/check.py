"""The product's own check of a proof bundle, step by step, and its report.

Independent of it is ``xinglin-verify``, which shares no code with this; the two agree on every bundle (invariant 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import count
from typing import Any

from xinglin.carrier.ledger.errors import ProofUnknown, TrustInvalid
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.bundles import claims, steps
from xinglin.service.basic.coordination.bundles.case import Case, Outcome, Said

Steps = tuple[tuple[str, Callable[[Any], Outcome]], ...]
"""Title and function of each step in order; a function takes the kind of case that its bundles need."""
STEPS: Steps = (
    ("Read", steps.p1_read),
    ("Genesis", steps.p2_genesis),
    ("Trust", steps.p3_trust),
    ("Epochs", steps.p4_epochs),
    ("Checkpoint", steps.p5_checkpoint),
    ("Cosignatures", steps.p6_cosignatures),
    ("Leaf", steps.p7_leaf),
    ("Signatures", steps.p8_signatures),
    ("Operation", steps.p9_operation),
    ("Item", steps.p10_item),
    ("State", steps.p11_state),
    ("Signers", claims.p12_signers),
    ("Members", claims.p13_members),
    ("Claim", claims.p14_claim),
    ("Opening", claims.p15_opening),
    ("Nothing else", steps.p16_nothing_else),
)
"""The steps of a bundle, in the order of docs/spec/proof-bundle.md."""


class Verdict(IntEnum):
    """What a check comes to; the value is the exit status of a command."""

    HOLDS = 0
    DOES_NOT_HOLD = 1
    NOT_TRUSTED = 3
    UNDECIDED = 4


class StepVerdict(Enum):
    """What one step comes to; OPEN has passed but leaves the trust open."""

    HOLDS = "holds"
    OPEN = "open"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step: its number and title, its verdict, what it says, and the refusal where it did not pass."""

    number: int
    title: str
    verdict: StepVerdict
    facts: Mapping[str, Said]
    refusal: PlatformError | None = None


@dataclass(frozen=True, slots=True)
class BundleReport:
    """All steps that were taken, in order, and the verdict."""

    steps: tuple[StepReport, ...]
    verdict: Verdict

    @property
    def failed(self) -> StepReport | None:
        """The step that ended the check, None when every one passed."""
        last = self.steps[-1]
        return None if last.refusal is None else last


def check_bundle(data: bytes, trust: Trust | bytes | None = None) -> BundleReport:
    """Check the proof bundle of a record or an anchor; no input raises.

    Args:
        data: the bundle's bytes.
        trust: what is pinned, or the bytes of a trust file that says it; None when nothing is.

    Returns: the steps up to the first that does not pass, and the verdict.
    """
    return take_steps(Case(data, trust), STEPS)


def take_steps(case: Case, steps_: Steps, numbers: Iterable[int] | None = None) -> BundleReport:
    """Take steps up to the first that does not pass, and return the report; no input raises.

    Args:
        case: the bundle.
        steps_: the steps in order.
        numbers: their numbers on the page; counted from 1 where none are given.
    """
    taken: list[StepReport] = []
    for number, (title, step) in zip(numbers or count(1), steps_, strict=False):
        try:
            said = step(case)
        except PlatformError as refusal:
            return BundleReport(*_ended(taken, number, title, refusal))
        verdict = StepVerdict.OPEN if said.open else StepVerdict.HOLDS
        taken.append(StepReport(number, title, verdict, said.facts))
    is_open = any(step.verdict is StepVerdict.OPEN for step in taken)
    return BundleReport(tuple(taken), Verdict.NOT_TRUSTED if is_open else Verdict.HOLDS)


def unread(number: int, refusal: PlatformError) -> BundleReport:
    """Return the report of a check whose file can't be read: the bundle's (step 1) or the trust's (step 3)."""
    step = StepReport(number, STEPS[number - 1][0], StepVerdict.UNDECIDED, refusal.facts, refusal)
    return BundleReport((step,), Verdict.UNDECIDED)


def _ended(
    taken: list[StepReport], number: int, title: str, refusal: PlatformError
) -> tuple[tuple[StepReport, ...], Verdict]:
    """Return steps and verdict of a check that ends; what can't be read or isn't known here is not decided."""
    undecided = number == 1 or isinstance(refusal, ProofUnknown | TrustInvalid)
    verdict = StepVerdict.UNDECIDED if undecided else StepVerdict.FAILS
    last = StepReport(number, title, verdict, refusal.facts, refusal)
    return (*taken, last), Verdict.UNDECIDED if undecided else Verdict.DOES_NOT_HOLD
