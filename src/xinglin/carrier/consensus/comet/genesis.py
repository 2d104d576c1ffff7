"""``genesis.json`` of the engine: the same bytes in every node of a chain.

What the chain means by its genesis stands in our own; this one repeats what CometBFT needs of it, and hands
``app_state`` to the application, which compares the two.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from xinglin.carrier.consensus.comet.errors import EngineSettingInvalid

PUBLIC_KEY_SIZE = 32
EVIDENCE_BLOCKS, EVIDENCE_MS = 100_000, 48 * 3_600_000
"""How many blocks back, and for how long, evidence of double signing counts."""
MAX_BLOCK_BYTES = 60 << 20
"""CometBFT allows 100 MiB; but a block has to come to the application in a frame (``wire.MAX_FRAME_BYTES``)."""
_MAX_CHAIN = 50
_NANOSECONDS = 1_000_000
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGenesis:
    """What all nodes' engines of a chain begin with.

    Args:
        chain: the chain's id.
        time_ms: time of block 1, in ms since 1970.
        validators: voting power by public key (Ed25519, 32 bytes); at least one.
        app_state: handed to the application as it is, in JSON.
        max_block_bytes: largest block, headers and votes included, at most 60 MiB.
        evidence_blocks: how many blocks back evidence of double signing counts, and
        evidence_ms: for how long; both must have passed.

    Raises:
        EngineSettingInvalid: a value breaks its form or is out of range.
    """

    chain: str
    time_ms: int
    validators: Mapping[bytes, int]
    app_state: Mapping[str, object] = field(default_factory=dict)
    max_block_bytes: int = 21 << 20
    evidence_blocks: int = EVIDENCE_BLOCKS
    evidence_ms: int = EVIDENCE_MS

    def __post_init__(self) -> None:
        if not 0 < len(self.chain) <= _MAX_CHAIN or not (self.chain.isascii() and self.chain.isprintable()):
            raise EngineSettingInvalid(setting="chain", value=self.chain[:_MAX_CHAIN])
        if not 0 < self.time_ms < 253_402_300_800_000:
            raise EngineSettingInvalid(setting="time_ms", value=self.time_ms)
        if not self.validators:
            raise EngineSettingInvalid(setting="validators", value="")
        for key, power in self.validators.items():
            if len(key) != PUBLIC_KEY_SIZE or not 0 < power < 1 << 40:
                raise EngineSettingInvalid(setting="validators", value=f"{key.hex()}:{power}")
        for name, highest in (
            ("max_block_bytes", MAX_BLOCK_BYTES),
            ("evidence_blocks", 1 << 40),
            ("evidence_ms", 1 << 42),
        ):
            if not 0 < getattr(self, name) <= highest:
                raise EngineSettingInvalid(setting=name, value=getattr(self, name))


def genesis_text(genesis: EngineGenesis) -> str:
    """Return ``genesis.json``; numbers of 64 bits are strings there."""
    document = {
        "genesis_time": rfc3339(genesis.time_ms),
        "chain_id": genesis.chain,
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(genesis.max_block_bytes), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": str(genesis.evidence_blocks),
                "max_age_duration": str(genesis.evidence_ms * _NANOSECONDS),
                "max_bytes": str(min(1 << 20, genesis.max_block_bytes)),
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "0"},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": [_validator(key, power) for key, power in sorted(genesis.validators.items())],
        "app_hash": "",
        "app_state": genesis.app_state,
    }
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def public_key_json(key: bytes) -> dict[str, str]:
    """Return an Ed25519 public key as CometBFT writes it."""
    return {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(key).decode()}


def rfc3339(time_ms: int) -> str:
    """Return a time in ms since 1970 by UTC with its ms."""
    # By whole milliseconds: a float would lose some of them.
    return (_START + timedelta(milliseconds=time_ms)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}Z"


def _validator(key: bytes, power: int) -> dict[str, object]:
    return {"pub_key": public_key_json(key), "power": str(power), "name": ""}
