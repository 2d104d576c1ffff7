"""What our chain's beginning is in CometBFT's ``genesis.json``: its ``app_state`` (docs/spec/membership.md FT1).

``{"genesis": hash of our genesis in hex, "transactions": [founding transactions in Base64, in order]}``. The engine
hands it to the application at height 0 as it is; nodes read it from the file as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xinglin.carrier.consensus.comet.errors import EngineFileDamaged
from xinglin.carrier.consensus.comet.files import EngineHome

MAX_BYTES = 64 << 20
_FIELDS = {"genesis", "transactions"}


@dataclass(frozen=True, slots=True)
class ChainOpening:
    """How a chain begins: H("genesis", genesis), and the founding transactions, unchecked."""

    genesis: bytes
    transactions: tuple[bytes, ...]


def app_state(genesis: bytes, transactions: Sequence[bytes]) -> Mapping[str, object]:
    """Return the ``app_state`` of a chain."""
    return {"genesis": genesis.hex(), "transactions": [base64.b64encode(one).decode("ascii") for one in transactions]}


def opening_of(state: bytes) -> ChainOpening:
    """Return what an ``app_state`` says.

    Raises:
        EngineFileDamaged: it has another form.
    """
    try:
        return _opening(json.loads(state[: MAX_BYTES + 1]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise EngineFileDamaged(file="app_state") from None


def read_opening(home: EngineHome) -> ChainOpening:
    """Return what the ``genesis.json`` of a home says.

    Raises:
        EngineFileDamaged: it is not there, or not whole.
    """
    try:
        with home.genesis.open("rb") as file:
            return _opening(json.loads(file.read(MAX_BYTES))["app_state"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise EngineFileDamaged(file=str(home.genesis)) from None


def _opening(said: dict[str, object]) -> ChainOpening:
    genesis, transactions = said["genesis"], said["transactions"]
    if set(said) != _FIELDS or not isinstance(genesis, str) or not isinstance(transactions, list):
        raise ValueError
    return ChainOpening(bytes.fromhex(genesis), tuple(base64.b64decode(one, validate=True) for one in transactions))
