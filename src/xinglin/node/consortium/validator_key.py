"""Takes the validator's next key when this home's own chain has it (docs/spec/membership.md, MB25; S6.1e).

Whoever registers a key may never learn that it was committed. The node that executes the block knows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from xinglin.carrier.access.registry.model import NAMESPACE, ValidatorState
from xinglin.carrier.consensus.comet.files import EngineHome, next_validator_key, take_next_validator_key
from xinglin.carrier.crypto.files import sync_folder
from xinglin.kernel.encoding import decode, state_key
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.home import Home
from xinglin.node.node import Node
from xinglin.stakeholders.kinds import Status

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


def forget_registration(home: Home, engine: EngineHome) -> None:
    """Remove the transaction by which the validator's key was registered, if that key has been taken.

    Only once the key has its state of signing: without it the transaction says that the key has signed nothing.
    """
    kept = home.validator_registration
    if kept.exists() and not engine.next_validator_key.exists() and engine.signing_state.exists():
        kept.unlink()
        sync_folder(kept.parent)


def take_registered_key(node: Node, engine: EngineHome) -> bool:
    """Have the engine vote, from its next start on, with its next key if that is its member's validator now.

    One that was registered and has ended since, or was replaced, serves no more (RG12) and goes.

    Args:
        node: the home, with the consortium chain as far as it has it.
        engine: its engine, which does not run, or is started again by the caller.

    Returns: whether the key was taken.

    Raises:
        EngineFileDamaged: the next key can't be read.
    """
    taken = False
    if engine.next_validator_key.exists():
        key = next_validator_key(engine)
        if node.consortium.value(state_key(NAMESPACE, "validator-key", key)) is not None:
            stored = node.consortium.value(state_key(NAMESPACE, "validator", node.member))
            known = None if stored is None else decode(ValidatorState, stored)
            taken = known is not None and known.status is Status.ACTIVE and known.key == key
            if taken:
                take_next_validator_key(engine)
                logger.warning("the engine votes with key %s, which the chain has", key.hex())
            else:
                engine.next_validator_key.unlink()
    forget_registration(node.home, engine)
    return taken


class ValidatorKeyKeeper:
    """Takes the next key while the node runs, and has the engine started again, on a thread of its own.

    Args:
        node: the home.
        engine: its engine's files.
        restart: stops the engine in order and starts it.
    """

    def __init__(self, node: Node, engine: EngineHome, restart: Callable[[], None]) -> None:
        self._node, self._engine, self._restart = node, engine, restart
        self._repeating = Repeating("taking a validator key", self.look, _LOOK_SECONDS)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a restart that is under way is waited for."""
        self._repeating.close()

    def look(self) -> None:
        """Take the next key if the chain has it now."""
        if take_registered_key(self._node, self._engine):
            self._restart()
