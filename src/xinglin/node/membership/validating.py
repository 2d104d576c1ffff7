"""Whether a member's node makes blocks: its owner ends that, or begins it (again), without a vote (MB13; S6.1e)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from xinglin.carrier.access.registry.errors import ValidatorKeyExists
from xinglin.carrier.access.registry.model import NAMESPACE, VALIDATOR, EndValidator, SetValidator
from xinglin.carrier.consensus.comet.files import (
    EngineHome,
    begin_signing,
    identity,
    next_validator_key,
    sign_as_next_validator,
    take_next_validator_key,
)
from xinglin.carrier.crypto.keystore import KeyStore
from xinglin.carrier.ledger.build import Built, Signer, operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.model import Operation
from xinglin.node.consortium.validator_key import forget_registration
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home
from xinglin.node.membership.voting import Acting
from xinglin.node.remote import kept
from xinglin.node.remote.errors import NodeServed
from xinglin.node.remote.local import serving_process
from xinglin.settings import load_settings


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
    and signed transaction are durable before that goes out. A call whose outcome stayed open is finished by the next
    one, or by the node when its chain has the key; the key before votes until then, and no other one is made.

    Raises:
        NodeServed: a running node has the home open.
        SubmissionUnknown: the outcome is open.
        PlatformError: the refusal; the next call registers the same key.
    """
    process = serving_process(folder)
    if process is not None:
        raise NodeServed(home=str(folder), process=process)
    settings, home = load_settings(folder), Home(folder)
    engine = EngineHome(home.engine(settings.consortium.id).resolve())
    if home.validator_registration.exists() and not engine.next_validator_key.exists():
        return _finish(home, engine)  # it was taken, and the process ended before it could say so
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
    take_next_validator_key(engine)
    return _finish(home, engine)


def _finish(home: Home, engine: EngineHome) -> bytes:
    begin_signing(engine)
    key = identity(engine).validator_key
    forget_registration(home, engine)
    return key
