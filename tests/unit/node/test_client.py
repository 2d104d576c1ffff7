"""A home's client of a chain: what it says when no block comes."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.chain import found_chain
from tests.support.homes import SetClock
from xinglin.carrier.ledger.build import Signer
from xinglin.node import client as client_module
from xinglin.node.chains import random_bytes
from xinglin.node.client import ChainClient
from xinglin.node.remote.errors import SubmissionUnknown


def test_a_chain_that_stands_leaves_the_outcome_open(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither done nor refused, and no fault of the program."""
    monkeypatch.setattr(client_module, "_WAIT_SECONDS", 0.05)
    chain = found_chain()
    ledger = chain.create(home)
    engine: Any = SimpleNamespace(submit=lambda _: Future())
    client, key = ChainClient(ledger, engine, SetClock(chain.start), random_bytes), chain.key()
    with pytest.raises(SubmissionUnknown) as unknown:
        client.call([chain.add()], [Signer(key.public, key.sign)])
    assert unknown.value.facts["valid_until"] == chain.start + client_module.VALID_MS
    ledger.close()
