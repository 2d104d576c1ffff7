"""The product's own check of any proof bundle, episodes among them (docs/spec/proof-bundle.md)."""

from __future__ import annotations

from xinglin.carrier.ledger.trust import Trust
from xinglin.service.basic.audit.bundles import check as access
from xinglin.service.basic.coordination.bundles import check
from xinglin.service.basic.coordination.bundles.check import BundleReport, take_steps
from xinglin.service.basic.episodes.bundles import steps

STEPS: check.Steps = (
    ("Read", steps.p1_read),
    *check.STEPS[1:],
    ("Sealing", steps.p21_sealing),
    ("Sealed set", steps.p22_sealed_set),
    ("Sealed state", steps.p23_sealed_state),
    ("Both sides", steps.p24_both_sides),
    ("Late additions", steps.p25_late_additions),
    ("Registrations", steps.p26_registrations),
    ("Reads", steps.p27_reads),
)
"""The steps of an episode bundle: P2 to P16 are taken on the bundle within, P17 to P20 on each list of reads."""
NUMBERS = (*range(1, 17), *range(21, 28))
_KIND = b"\xaeepisode-bundle"


def check_proof(data: bytes, trust: Trust | bytes | None = None) -> BundleReport:
    """Check a proof bundle of any kind; no input raises.

    Args:
        data: the bundle's bytes.
        trust: what is pinned, or the bytes of a trust file that says it; None when nothing is.

    Returns: the steps up to the first that does not pass, and the verdict.
    """
    if data[1 : 1 + len(_KIND)] == _KIND:
        return take_steps(steps.EpisodeCase(data, trust), STEPS, NUMBERS)
    return access.check_proof(data, trust)
