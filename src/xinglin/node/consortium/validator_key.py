"""Takes the validator's next key when this home's own chain needs it (docs/spec/membership.md, MB25; S6.1e).

Whoever registers a key may never learn that it was committed. The node that executes the block knows, and it knows
when the key before is needed no more.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xinglin.carrier.access.registry.model import NAMESPACE, ValidatorState
from xinglin.carrier.consensus.comet.files import EngineHome, can_sign, take_next_validator_key, waiting_validator_key
from xinglin.carrier.crypto.files import sync_folder
from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.kernel.encoding import decode, state_key
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.home import Home
from xinglin.node.node import Node
from xinglin.stakeholders.kinds import Status

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_WAIT_SECONDS = 0.05


@contextmanager
def alone_with_key(home: Home, seconds: float = 0.0) -> Iterator[bool]:
    """Let no other process or thread register or take the home's next key until the block ends.

    Args:
        home: the home; the system frees it when a process dies.
        seconds: how long who has it is waited for.

    Yields: whether it is held; nothing may be done else.
    """
    until = time.monotonic() + seconds
    descriptor = os.open(home.validator_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not (held := _locked(descriptor)) and time.monotonic() < until:
            time.sleep(_WAIT_SECONDS)
        yield held
    finally:
        os.close(descriptor)


def forget_registration(home: Home, engine: EngineHome) -> None:
    """Remove the transaction by which the validator's key was registered, if that key has been taken.

    Only once the key has its state of signing: without it the transaction says that the key has signed nothing.
    """
    kept = home.validator_registration
    if kept.exists() and not engine.next_validator_key.exists() and engine.signing_state.exists():
        kept.unlink(missing_ok=True)
        sync_folder(kept.parent)


def take_registered_key(node: Node, engine: EngineHome) -> bool:
    """Have the engine vote, from its next start on, with its next key if the next block is to be signed with that.

    CometBFT has the validators that block H names sign from block H + 2 on: the key before signs H + 1. So the key for
    the block after the tip is the one that the state before the tip has. A key that ended since, or was replaced, and
    signs no block any more, serves no more (RG12) and goes.

    Args:
        node: the home, with the consortium chain as far as it has it.
        engine: its engine, which does not run, or is started again by the caller.

    Returns: whether the key was taken; not while another process registers one.

    Raises:
        EngineFileDamaged: the next key can't be read.
    """
    with alone_with_key(node.home) as held:
        return held and _take(node, engine)


def _take(node: Node, engine: EngineHome) -> bool:
    key, taken = waiting_validator_key(engine), False
    if key is not None and node.consortium.value(state_key(NAMESPACE, "validator-key", key)) is not None:
        named = _is_validator(node.consortium.value(_place(node)), key)
        # A key before that is lost, or its state of signing, signs nothing any more: it is not waited for.
        taken = _signs_next(node, key) or (named and not can_sign(engine))
        if taken:
            take_next_validator_key(engine, key)
            logger.warning("the engine votes with key %s, which the chain has", key.hex())
        elif not named:
            engine.next_validator_key.unlink(missing_ok=True)
    forget_registration(node.home, engine)
    return taken


def _signs_next(node: Node, key: bytes) -> bool:
    """Tell whether the block after the tip is signed with a key: whether the state before the tip has it."""
    try:
        ((stored, _),) = node.consortium.prove_state(node.consortium.tip.height - 1, [_place(node)])
    except CheckpointUnavailable:  # the first block, or the first after a snapshot: the next one tells
        return False
    return _is_validator(stored, key)


def _is_validator(stored: bytes | None, key: bytes) -> bool:
    known = None if stored is None else decode(ValidatorState, stored)
    return known is not None and known.status is Status.ACTIVE and known.key == key


def _place(node: Node) -> bytes:
    return state_key(NAMESPACE, "validator", node.member)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class ValidatorKeyKeeper:
    """Takes the next key while the node runs, and has the engine started again, on a thread of its own.

    Args:
        node: the home.
        engine: its engine's files.
        restart: stops the engine in order and starts it; where it raises, it is called again at the next look.
    """

    def __init__(self, node: Node, engine: EngineHome, restart: Callable[[], None]) -> None:
        self._node, self._engine, self._restart = node, engine, restart
        self._owed = False  # the key was taken, and the engine runs with the one before
        self._repeating = Repeating("taking a validator key", self.look, _LOOK_SECONDS)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a restart that is under way is waited for."""
        self._repeating.close()

    def look(self) -> None:
        """Take the next key if the next block needs it, and have the engine started again with it."""
        self._owed = take_registered_key(self._node, self._engine) or self._owed
        if self._owed:
            self._restart()
            self._owed = False
