"""The product's own check of any proof bundle: of records, anchors and access entries (docs/spec/proof-bundle.md)."""

from __future__ import annotations

from xinglin.carrier.ledger.trust import Trust
from xinglin.service.basic.audit.bundles import steps
from xinglin.service.basic.coordination.bundles import check
from xinglin.service.basic.coordination.bundles.check import BundleReport, check_bundle, take_steps

STEPS: check.Steps = (
    ("Read", steps.p1_read),
    *check.STEPS[1:],
    ("Access log", steps.p17_access_log),
    ("Access entries", steps.p18_access_entries),
    ("Access head", steps.p19_access_head),
    ("Readers", steps.p20_readers),
)
"""The steps of an access bundle: P2 to P16 are taken on the bundle within."""
_KIND = b"\xadaccess-bundle"


def check_proof(data: bytes, trust: Trust | bytes | None = None) -> BundleReport:
    """Check a proof bundle of any kind; no input raises.

    Args:
        data: the bundle's bytes.
        trust: what is pinned, or the bytes of a trust file that says it; None when nothing is.

    Returns: the steps up to the first that does not pass, and the verdict.
    """
    if data[1 : 1 + len(_KIND)] == _KIND:
        return take_steps(steps.AccessCase(data, trust), STEPS)
    return check_bundle(data, trust)
