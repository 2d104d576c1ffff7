"""Why a proof is refused: one family of three cases, each with a stable reason code and the facts.

The words for a reason in both languages stand in `words.py`; nothing here prints.
"""

from __future__ import annotations

Fact = int | str


class VerifierError(Exception):
    """A refusal: `reason` is a stable dotted code, `facts` say what was met where."""

    def __init__(self, reason: str, **facts: Fact) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts


class Malformed(VerifierError):
    """Bytes that can't be read: not canonical, or not of the form of the object that is expected there."""


class Unknown(VerifierError):
    """The bytes name a claim, a suite or a version that this verifier doesn't know, so it can't decide."""


class DoesNotHold(VerifierError):
    """A rule of the specification is broken."""
