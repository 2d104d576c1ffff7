"""Light blocks of CometBFT: what a node needs to know of them to begin at a height (docs/spec/snapshot.md).

The engine's own light client verifies the commits; here it is established which header it may trust: the one whose
validators are those of a state that a checkpoint vouches for. Encodings are those of CometBFT v0.38
(``types/block.go``, ``types/validator_set.go``, ``types/encoding_helper.go``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xinglin.carrier.consensus.comet.fields import data, message, number, read_timestamp, timestamp
from xinglin.carrier.consensus.comet.files import key_address


@dataclass(frozen=True, slots=True)
class LightHeader:
    """What is read of a header: height, hash, the hash of its validators, the app hash of the height before."""

    height: int
    hash: bytes
    validators_hash: bytes
    app_hash: bytes


def read_header(commit: Mapping[str, Any]) -> LightHeader | None:
    """Return the header in an answer to ``commit``, with the hash that its fields have; None if it has another form."""
    try:
        header = commit["signed_header"]["header"]
        return LightHeader(
            int(header["height"]),
            _merkle(_leaves(header)),
            bytes.fromhex(header["validators_hash"]),
            bytes.fromhex(header["app_hash"]),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def validators_hash(validators: Mapping[bytes, int]) -> bytes:
    """Return the hash of a set of Ed25519 validators with their powers."""
    ordered = sorted(validators.items(), key=lambda one: (-one[1], key_address(one[0])))
    return _merkle([data(1, data(1, key)) + number(2, power) for key, power in ordered])


def _leaves(header: Mapping[str, Any]) -> list[bytes]:
    version, last = header["version"], header["last_block_id"]
    parts = last.get("parts") or last["part_set_header"]
    block = data(1, _bytes(last["hash"])) + message(2, number(1, int(parts["total"])) + data(2, _bytes(parts["hash"])))
    wrapped = [
        "last_commit_hash",
        "data_hash",
        "validators_hash",
        "next_validators_hash",
        "consensus_hash",
        "app_hash",
        "last_results_hash",
        "evidence_hash",
        "proposer_address",
    ]
    return [
        number(1, int(version.get("block", 0))) + number(2, int(version.get("app", 0))),
        data(1, header["chain_id"].encode()),
        number(1, int(header["height"])),
        timestamp(*read_timestamp(header["time"])),
        block,
        *(data(1, _bytes(header[name])) for name in wrapped),
    ]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


def _merkle(leaves: Sequence[bytes]) -> bytes:
    """Return the root of RFC 6962 over SHA-256."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _merkle(leaves[:half]) + _merkle(leaves[half:])).digest()
