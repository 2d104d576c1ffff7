"""What commands say of the nodes that they asked: what stands behind an answer, who proved nothing (NH24)."""

from __future__ import annotations

from typing import Any

from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assurance, Assured

_LINES = {
    Assurance.TOLD: "Told by this user's own node.",
    Assurance.NODE: "Shown in the log of one node; no quorum has signed it yet: look it up again later.",
    Assurance.QUORUM: "Proven: a quorum of members signed the log that has it.",
}


def assurance_said(remote: RemoteChain, committed: Assured) -> dict[str, Any]:
    """Return what stands behind a commit, for JSON."""
    return {"assurance": str(committed.assurance), "cosigners": committed.cosigners, **doubts_said(remote)}


def assurance_lines(remote: RemoteChain, committed: Assured) -> list[str]:
    """Return the same for people."""
    return [_LINES[committed.assurance], *doubts_lines(remote)]


def doubts_said(remote: RemoteChain) -> dict[str, Any]:
    """Return which nodes did not prove what they said, for JSON."""
    return {
        "doubted": [{"node": str(one.facts["address"]), "reason": str(one.facts["reason"])} for one in remote.doubted]
    }


def doubts_lines(remote: RemoteChain) -> list[str]:
    """Return the same for people."""
    return [one.sentence() for one in remote.doubted]
