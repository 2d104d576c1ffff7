"""Whether a member's node makes blocks: its owner ends that, or begins it (again), without a vote (MB13; S6.1e)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from xinglin.carrier.access.registry.errors import ValidatorKeyExists
from xinglin.carrier.access.registry.model import NAMESPACE, VALIDATOR, EndValidator, SetValidator
from xinglin.carrier.consensus.comet.errors import NextKeyDiffers
from xinglin.carrier.consensus.comet.files import (
    EngineHome,
    begin_signing,
    can_sign,
    identity,
    next_validator_key,
    sign_as_next_validator,
    take_next_validator_key,
    validator_key,
    waiting_validator_key,
)
from xinglin.carrier.crypto.keystore import KeyStore
from xinglin.carrier.ledger.build import Built, Signer, operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.model import Operation, Transaction
from xinglin.kernel.encoding import decode
from xinglin.node.consortium.validator_key import alone_with_key, forget_registration
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home
from xinglin.node.membership.errors import ValidatorRegistering
from xinglin.node.membership.voting import Acting
from xinglin.node.remote import kept
from xinglin.node.remote.errors import NodeServed
from xinglin.node.remote.local import serving_process
from xinglin.settings import load_settings

LOCK_SECONDS = 10.0
"""How long another process that registers a key of the same home is waited for."""


class Submits(kept.Submits, Protocol):
    """A client of a chain that other nodes keep; ``RemoteChain`` is one."""

    def build(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Built:
        """Return a signed transaction."""
        ...


def stop_validating(acting: Acting) -> None:
    """End the member's validator: its node keeps the chain and makes no blocks from two heights later on.

    Raises:
        PlatformError: the chain's refusal: it has none, or it is the last of all.
    """
    acting.call([operation(acting.suite, NAMESPACE, "end_validator", EndValidator())])


def begin_validating(folder: Path, keys: KeyStore, others: Submits) -> bytes:
    """Give a home's engine a new validator key and register it, in place of one that there may be; return it.

    An engine key serves once. The engine must not run: the home is not served; others' nodes take the transaction. Key
    and signed transaction are durable before that goes out. The node takes the key when its chain needs it
    (``take_registered_key``); until then the key before votes, the next call hands in the same, and makes no other one.

    Raises:
        NodeServed: a running node has the home open.
        ValidatorRegistering: another process registers a key of this home, and goes on doing so.
        SubmissionUnknown: the outcome is open.
        NextKeyDiffers: the key in the file is no longer the one that was registered.
        PlatformError: the refusal; the next call registers the same key.
    """
    home = Home(folder)
    with alone_with_key(home, LOCK_SECONDS) as held:
        if not held:
            raise ValidatorRegistering(home=str(folder))
        process = serving_process(folder)
        if process is not None:
            raise NodeServed(home=str(folder), process=process)
        return _begin(home, keys, others)


def _begin(home: Home, keys: KeyStore, others: Submits) -> bytes:
    settings = load_settings(home.path)
    engine = EngineHome(home.engine(settings.consortium.id).resolve())
    registering, waiting = _kept_key(home), waiting_validator_key(engine)
    if registering is not None and registering != waiting:
        if waiting is None and registering == validator_key(engine):
            return _finish(home, engine)  # it was taken, and the process ended before it could say so
        home.validator_registration.unlink()  # of a key that is gone: it would be handed in for another one
    key = next_validator_key(engine)
    message = key_proof_message(others.suite.hash, settings.consortium.id, settings.member, VALIDATOR, key)
    offered = SetValidator(settings.node, key, sign_as_next_validator(engine, message))
    call = operation(others.suite, NAMESPACE, "set_validator", offered)
    signer = Signer(keys.public(ADMINISTRATOR), lambda message: keys.sign(ADMINISTRATOR, message))
    try:
        kept.submit_kept(others, home.validator_registration, lambda: others.build([call], [signer]))
    except ValidatorKeyExists:
        # A copy of this home has registered it: it may be in force there, and is not ours to use or to lose.
        engine.next_validator_key.rename(engine.next_validator_key.with_name(f"used_validator_key-{key.hex()}.json"))
        raise
    return _registered(home, engine, key)


def _registered(home: Home, engine: EngineHome, key: bytes) -> bytes:
    """Leave a key that is registered to the node, or take it where the one before can sign nothing any more."""
    waiting = waiting_validator_key(engine)
    if waiting is None and validator_key(engine) == key:
        return _finish(home, engine)  # it was taken meanwhile
    if waiting != key:
        raise NextKeyDiffers(home=str(engine.folder), key=key)
    if can_sign(engine):
        return key  # the key before may be needed for the next block (MB25)
    take_next_validator_key(engine, key)
    return _finish(home, engine)


def _kept_key(home: Home) -> bytes | None:
    """Return the key that the kept transaction registers, None where none is kept; raises EncodingInvalid."""
    if not home.validator_registration.exists():
        return None
    call = decode(Transaction, home.validator_registration.read_bytes()).operations[0]
    return decode(SetValidator, call.head.arguments).key


def _finish(home: Home, engine: EngineHome) -> bytes:
    begin_signing(engine)
    key = identity(engine).validator_key
    forget_registration(home, engine)
    return key
