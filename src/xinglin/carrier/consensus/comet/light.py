"""Light blocks of CometBFT: what a node needs to know of them to begin at a height (docs/spec/snapshot.md).

The engine's own light client verifies the commits; here it is established which header it may trust: the one whose
validators are those of a state that a checkpoint vouches for. Encodings are those of CometBFT v0.38
(``types/block.go``, ``types/validator_set.go``, ``types/encoding_helper.go``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from xinglin.carrier.consensus.comet.files import key_address

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


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
    return _merkle([_field(1, _field(1, key)) + _number(2, power) for key, power in ordered])


def _leaves(header: Mapping[str, Any]) -> list[bytes]:
    version, last = header["version"], header["last_block_id"]
    parts = last.get("parts") or last["part_set_header"]
    block = _field(1, _bytes(last["hash"])) + _message(
        2, _number(1, int(parts["total"])) + _field(2, _bytes(parts["hash"]))
    )
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
        _number(1, int(version.get("block", 0))) + _number(2, int(version.get("app", 0))),
        _field(1, header["chain_id"].encode()),
        _number(1, int(header["height"])),
        _time(header["time"]),
        block,
        *(_field(1, _bytes(header[name])) for name in wrapped),
    ]


def _time(text: str) -> bytes:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    seconds = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    return _number(1, seconds) + _number(2, int((found[2] or "0").ljust(9, "0")))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


def _number(field: int, value: int) -> bytes:
    """Return a varint field of a protobuf message; zero is left out."""
    return _varint(field << 3) + _varint(value) if value else b""


def _field(field: int, value: bytes) -> bytes:
    """Return a field of bytes; empty ones are left out."""
    return _message(field, value) if value else b""


def _message(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    if not 0 <= value < 1 << 64:
        raise ValueError(value)
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _merkle(leaves: Sequence[bytes]) -> bytes:
    """Return the root of RFC 6962 over SHA-256."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _merkle(leaves[:half]) + _merkle(leaves[half:])).digest()
