"""Registering a home that joins: what one node says is not done for good (S8.2c)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.chain import found_chain
from xinglin.carrier.crypto.suite import suite
from xinglin.node.membership.joining import register
from xinglin.node.remote.claims import Assurance, Assured
from xinglin.node.remote.errors import SubmissionUnknown


@pytest.mark.parametrize("assurance", [Assurance.QUORUM, Assurance.TOLD])
def test_what_one_node_shows_registers_nothing_for_good(tmp_path: Path, assurance: Assurance) -> None:
    chain = found_chain()
    behind = [Assurance.NODE, assurance]
    handed_in = []

    def call_built(built: Any) -> Assured:
        handed_in.append(built.raw)
        return Assured(9, 900, 3, 0, bytes(32), behind.pop(0), 1)

    raw = chain.sign(chain.add())
    (tmp_path / "registration").write_bytes(raw)
    new: Any = SimpleNamespace(home=SimpleNamespace(path=tmp_path))
    remote: Any = SimpleNamespace(chain="c", suite=suite("gm"), call_built=call_built)
    with pytest.raises(SubmissionUnknown):
        register(new, remote)
    assert not (tmp_path / "registered").exists()
    assert register(new, remote).assurance is assurance
    assert (tmp_path / "registered").read_text() == "9"
    assert handed_in == [raw, raw]
