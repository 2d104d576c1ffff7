"""Checks Xinglin proof bundles offline, with Python's standard library alone and no code of the product.

Written from docs/spec/ alone, so that two programs agree on what holds. The public functions are those listed here.
"""

from __future__ import annotations

from xinglin_verify.ed25519 import ed25519_verify
from xinglin_verify.encoding import decode
from xinglin_verify.errors import DoesNotHold, Malformed, Unknown, VerifierError
from xinglin_verify.merkle import verify_consistency, verify_inclusion
from xinglin_verify.note import verify_note
from xinglin_verify.report import Report, Step, StepVerdict, Verdict
from xinglin_verify.sm2 import sm2_verify
from xinglin_verify.sm3 import sm3
from xinglin_verify.state_proof import verify_state_proof
from xinglin_verify.suites import GM, INTL, Suite
from xinglin_verify.verify import verify_bundle

__all__ = [
    "GM",
    "INTL",
    "DoesNotHold",
    "Malformed",
    "Report",
    "Step",
    "StepVerdict",
    "Suite",
    "Unknown",
    "Verdict",
    "VerifierError",
    "decode",
    "ed25519_verify",
    "sm2_verify",
    "sm3",
    "verify_bundle",
    "verify_consistency",
    "verify_inclusion",
    "verify_note",
    "verify_state_proof",
]
