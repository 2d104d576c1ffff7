"""Recovery packages: what a node needs to begin at a height, in one file that proves itself (docs/spec/snapshot.md).

A node that runs makes it; an operator carries it to the node that is lost. It holds a checkpoint with a quorum of
cosignatures, the member epochs that lead to its cosigners, the snapshot of its height, and three light blocks for the
engine. Who reads it trusts the genesis alone, whose hash is the chain's id, or what a trust file pins besides.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.access.governance.epochs import epochs_of
from xinglin.carrier.access.governance.model import EpochState
from xinglin.carrier.consensus.comet.errors import EngineRefused
from xinglin.carrier.ledger.bundle_model import EpochStep, EpochVote
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import SignedNote, parse_note
from xinglin.carrier.ledger.genesis import epoch_zero, genesis_hash
from xinglin.carrier.ledger.model import Epoch
from xinglin.carrier.ledger.snapshot import Manifest, snapshot_parts
from xinglin.carrier.ledger.trust import Trust, check_cosignatures, check_epochs, check_pinned
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import Integrity, Invalid, PlatformError
from xinglin.node.consortium.comet_chain import CometChain
from xinglin.node.consortium.marks import PackagedHeights
from xinglin.node.consortium.room import RESERVE_BYTES, require_room
from xinglin.node.node import Node
from xinglin.node.office.proofs import NoCheckpoint, newest_quorum

LIGHT_HEIGHTS = 3
"""The engine needs the block of the snapshot's height and the two after it, which name its validators."""
_LIGHT_SECONDS = 30.0
_MAX_PART = 64 << 20
_MAX_CHUNK = 16 << 20
_FRAME_BYTES = 1_024
"""Of a part in a tar file beside its own bytes; the file's end is as long as a part that is left out."""


class PackageInvalid(Integrity):
    """A recovery package does not prove what it holds."""

    code, number, clause = "rebuild.package", 6274, "S9.1"
    en = "The recovery package {file} is not valid: {reason}."
    zh = "恢复包 {file} 无效：{reason}。"
    hint_en = "Take another from another member's node: 'xinglin ledger package'. Nothing was changed here."
    hint_zh = "请用 xinglin ledger package 从其他成员节点另取一份。此处未作任何改动。"


@dataclass(frozen=True, slots=True)
class Made:
    """A package that was made: where it is, of which height, bytes."""

    path: Path
    height: int
    bytes: int


def make_package(node: Node, comet: CometChain, path: Path) -> Made:
    """Write a package of the newest height that has a quorum of cosignatures; blocks go on meanwhile.

    Args:
        node: the open home.
        comet: its consortium chain, which runs.
        path: the file; what is there is replaced.

    Raises:
        NoCheckpoint: no checkpoint with a quorum is kept.
        CheckpointUnavailable: its state can't be made any more.
        DiskRoomMissing: the disk has no room for it, and for the node's own blocks; nothing was written.
        EngineUnreachable, EngineRefused, EngineAnswerInvalid: the engine does not give its blocks.
    """
    with comet.package_turn:  # the store keeps what a snapshot shows: one at a time
        note = newest_quorum(node, 1)  # the engine has no header of height 0
        if note is None:
            raise NoCheckpoint(height=1)
        height = note.head.height
        light = json.dumps({str(one): _light_block(comet, one) for one in range(height, height + LIGHT_HEIGHTS)})
        parts = {"checkpoint": note.encode(), "light": light.encode()}
        parts["epochs"] = pack(tuple(pack(one) for one in epochs_of(node.consortium.value)))
        with snapshot_parts(node.consortium, height) as snapshot:
            parts["manifest"] = pack(snapshot.manifest)
            framed = _FRAME_BYTES * (len(parts) + snapshot.manifest.chunks)
            require_room(path.parent, RESERVE_BYTES + snapshot.bytes_at_most + framed + sum(map(len, parts.values())))
            # Marked before it can be carried anywhere; see SN13.
            PackagedHeights(node.home.chain(node.consortium.rules.chain)).add(height)
            _write(path, parts, snapshot.chunks())
    return Made(path, height, path.stat().st_size)


def _write(path: Path, parts: Mapping[str, bytes], chunks: Iterator[bytes]) -> None:
    """Write a package beside its place, and put it there when it is whole; the chunks are in no other file."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)  # of a process that was killed
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            for name, data in parts.items():
                _put(tar, name, data)
            for number, chunk in enumerate(chunks):
                _put(tar, f"chunk-{number}", chunk)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _light_block(comet: CometChain, height: int) -> Mapping[str, Any]:
    """Return what the engine says of a height that it has, or will have in a moment."""
    deadline = time.monotonic() + _LIGHT_SECONDS
    while True:
        try:
            return comet.light_block(height)
        except EngineRefused:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _put(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))


class Package:
    """A package that is read; nothing of it is believed before ``check``."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._path, self._tar = path, tar
        self.note: SignedNote = self._decoded(lambda: parse_note(self._part("checkpoint", 1 << 20)))
        self.manifest = self._part("manifest", _MAX_PART)
        self.light: Mapping[str, Mapping[str, Any]] = self._decoded(lambda: json.loads(self._part("light", _MAX_PART)))
        if not isinstance(self.light, dict):
            raise self.invalid("its light blocks have another form")

    def check(self, rules: ChainRules, trust: Trust | None) -> None:
        """Check the checkpoint: a quorum of the epoch at its height, which the genesis leads to, and what is pinned.

        Raises:
            PackageInvalid: it is not so.
        """
        head = self.note.head
        if head.chain != rules.chain:
            raise self.invalid("it is of another chain")
        try:
            if trust is not None:
                check_pinned(trust, rules.chain, genesis_hash(rules.suite.hash, rules.genesis))
            packed = decode(tuple[bytes, ...], self._part("epochs", _MAX_PART))
            states = [decode(EpochState, one) for one in packed]
            steps = [
                EpochStep(one.epoch, tuple(EpochVote(vote.member, vote.signature) for vote in one.votes))
                for one in states[1:]
            ]
            epochs = check_epochs(rules.suite, epoch_zero(rules.chain, rules.genesis), steps)
            epoch = _in_force(epochs, head.height)
            support = check_cosignatures(rules.suite, rules.genesis.suite, self.note, epoch, trust)
        except PlatformError as refusal:
            raise self.invalid(refusal.sentence().rstrip(".")) from None
        if not support.reached:
            raise self.invalid(f"{support.counted} of {support.quorum} cosignatures that are needed are there")

    def chunks(self) -> Iterator[bytes]:
        """Yield the snapshot's chunks, one at a time."""
        try:
            count = decode(Manifest, self.manifest).chunks
        except Invalid as refusal:
            raise self.invalid(refusal.code) from None
        for number in range(count):
            yield self._part(f"chunk-{number}", _MAX_CHUNK)

    def invalid(self, reason: str) -> PackageInvalid:
        """Return the refusal of this package."""
        return PackageInvalid(file=str(self._path), reason=reason)

    def _part(self, name: str, maximum: int) -> bytes:
        try:
            entry = self._tar.getmember(name)
            file = self._tar.extractfile(entry) if entry.isreg() and entry.size <= maximum else None
            if file is not None:
                return file.read()
        except (KeyError, OSError, tarfile.TarError):
            pass
        raise self.invalid(f"its part {name} is missing or too large")

    def _decoded(self, read: Any) -> Any:
        try:
            return read()
        except (ValueError, RecursionError, Invalid):
            raise self.invalid("a part of it does not decode") from None


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Open a package for reading.

    Raises:
        PackageInvalid: it is none.
    """
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115  (closed below)
    except (OSError, tarfile.TarError):
        raise PackageInvalid(file=str(path), reason="it can't be read") from None
    with tar:
        yield Package(path, tar)


def _in_force(epochs: list[Epoch], height: int) -> Epoch:
    """Return the epoch in force at a height; they ascend."""
    return [one for one in epochs if one.from_height <= height][-1]
