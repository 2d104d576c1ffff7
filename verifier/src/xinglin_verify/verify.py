"""The verification of a proof bundle: the steps of docs/spec/proof-bundle.md in order, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable

from xinglin_verify import access, claims, episode, steps
from xinglin_verify.case import Case, Outcome
from xinglin_verify.errors import Malformed, Unknown, VerifierError
from xinglin_verify.report import Report, Step, StepVerdict, Verdict

STEPS: tuple[Callable[[Case], Outcome], ...] = (
    steps.p1_read,
    steps.p2_genesis,
    steps.p3_trust,
    steps.p4_epochs,
    steps.p5_checkpoint,
    steps.p6_cosignatures,
    steps.p7_leaf,
    steps.p8_signatures,
    steps.p9_operation,
    steps.p10_item,
    steps.p11_state,
    claims.p12_signers,
    claims.p13_members,
    claims.p14_claim,
    claims.p15_opening,
    steps.p16_nothing_else,
    access.p17_access_log,
    access.p18_access_entries,
    access.p19_access_head,
    access.p20_readers,
    episode.p21_sealing,
    episode.p22_sealed_set,
    episode.p23_sealed_state,
    episode.p24_both_sides,
    episode.p25_late_additions,
    episode.p26_registrations,
    episode.p27_reads,
)
ANCHOR, ACCESS = 16, 20
"""The last step of any bundle, and of those about access entries: the steps after it are those of episodes."""
READING = (steps.p1_read, steps.p3_trust)
"""Steps that read a file: what is malformed there can't be decided, elsewhere it doesn't hold."""


def verify_bundle(bundle: bytes, trust: bytes | None = None) -> Report:
    """Verify a proof bundle offline; no input raises.

    Args:
        bundle: the file's bytes.
        trust: the trust file's bytes, or None when nothing is pinned.
    Returns: the steps taken and the verdict.
    """
    case, taken = Case(bundle, trust), []
    for number, step in enumerate(STEPS, 1):
        if not _is_taken(number, case):
            continue
        try:
            outcome = step(case)
        except VerifierError as error:
            undecided = isinstance(error, Unknown) or (isinstance(error, Malformed) and step in READING)
            verdict = StepVerdict.UNDECIDED if undecided else StepVerdict.FAILS
            taken.append(Step(number, verdict, error.reason, error.facts))
            return Report(tuple(taken), Verdict.UNDECIDED if undecided else Verdict.DOES_NOT_HOLD)
        verdict = StepVerdict.OPEN if outcome.open else StepVerdict.HOLDS
        taken.append(Step(number, verdict, outcome.sentence, outcome.facts))
    is_open = any(step.verdict is StepVerdict.OPEN for step in taken)
    return Report(tuple(taken), Verdict.NOT_TRUSTED if is_open else Verdict.HOLDS)


def _is_taken(number: int, case: Case) -> bool:
    """Return whether a step is one of the case's kind of bundle."""
    if number <= ANCHOR:
        return True
    return (case.access if number <= ACCESS else case.episode) is not None
