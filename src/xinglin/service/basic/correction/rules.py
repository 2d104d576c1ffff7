"""Which versions a record has and which is current, by the private chain's state (docs/spec/correction.md; H12)."""

from __future__ import annotations

from collections.abc import Callable

from xinglin.kernel.encoding import decode, state_key
from xinglin.service.basic.correction.model import NAMESPACE, Predecessor, Successor

Values = Callable[[bytes], bytes | None]
"""Gives values of the private chain's state by key."""


def version_keys(commitment: bytes) -> tuple[bytes, ...]:
    """Return the keys of what corrects a record and of what it corrects."""
    return _successor_key(commitment), _predecessor_key(commitment)


def _successor_key(commitment: bytes) -> bytes:
    return state_key(NAMESPACE, "old", commitment)


def _predecessor_key(commitment: bytes) -> bytes:
    return state_key(NAMESPACE, "new", commitment)


def successor_of(value: Values, commitment: bytes) -> Successor | None:
    """Return what corrects a record, None where nothing does."""
    stored = value(_successor_key(commitment))
    return decode(Successor, stored) if stored is not None else None


def predecessor_of(value: Values, commitment: bytes) -> Predecessor | None:
    """Return what a record corrects, None where nothing."""
    stored = value(_predecessor_key(commitment))
    return decode(Predecessor, stored) if stored is not None else None


def current_of(value: Values, commitment: bytes) -> bytes:
    """Return the commitment of the current version of a record; its own when it was never corrected."""
    return versions_of(value, commitment)[-1]


def versions_of(value: Values, commitment: bytes) -> list[bytes]:
    """Return the commitments of all versions of a record, the oldest first; the last is current.

    Args:
        value: the private chain's state, of one height.
        commitment: of any of the versions.
    """
    versions = [commitment]
    while (before := predecessor_of(value, versions[0])) is not None:
        versions.insert(0, before.old)
    while (after := successor_of(value, versions[-1])) is not None:
        versions.append(after.new)
    return versions
