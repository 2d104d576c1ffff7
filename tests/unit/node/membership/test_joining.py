"""Registering a home that joins: what one node says is not done for good (S8.2c)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.chain import found_chain
from tests.support.ports import free_ports
from xinglin.carrier.crypto.suite import suite
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.home import Home
from xinglin.node.membership.joining import register
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assurance, Assured, Patience
from xinglin.node.remote.errors import SubmissionUnknown
from xinglin.node.remote.trusting import ChainNamed


@pytest.mark.parametrize("assurance", [Assurance.QUORUM, Assurance.TOLD])
def test_what_one_node_shows_registers_nothing_for_good(tmp_path: Path, assurance: Assurance) -> None:
    chain = found_chain()
    behind = [Assurance.NODE, assurance]
    handed_in = []

    def call_built(built: Any, *, again: bool = False) -> Assured:
        assert again  # another process may have handed it in
        handed_in.append(built.raw)
        return Assured(9, 900, 3, 0, bytes(32), behind.pop(0), 1)

    raw = chain.sign(chain.add())
    (tmp_path / "registration").write_bytes(raw)
    new: Any = SimpleNamespace(home=Home(tmp_path))
    remote: Any = SimpleNamespace(chain="c", suite=suite("gm"), call_built=call_built)
    with pytest.raises(SubmissionUnknown):
        register(new, remote)
    assert not (tmp_path / "registered").exists()
    assert register(new, remote).assurance is assurance
    assert (tmp_path / "registered").read_text() == "9"
    assert handed_in == [raw, raw]


def test_a_registration_that_may_be_committed_is_not_forgotten_while_no_node_answers(tmp_path: Path) -> None:
    chain = found_chain()
    raw = chain.sign(chain.add())
    (tmp_path / "registration").write_bytes(raw)
    new: Any = SimpleNamespace(home=Home(tmp_path))
    named = ChainNamed(chain.rules.chain, suite("gm"))
    remote = RemoteChain(
        [f"http://127.0.0.1:{free_ports(1)}"], named, SystemClock(), random_bytes, Patience(0.5, 0.2, 0.2)
    )
    with pytest.raises(SubmissionUnknown):
        register(new, remote)
    assert (tmp_path / "registration").read_bytes() == raw
