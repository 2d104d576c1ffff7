"""Whether a member's node makes blocks: its owner ends that, or begins it (again), without a vote (MB13; S6.1e)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from xinglin.carrier.access.registry.model import NAMESPACE, EndValidator, SetValidator
from xinglin.carrier.consensus.comet.files import EngineHome, replace_validator_key
from xinglin.carrier.crypto.keystore import KeyStore
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.node.consortium.network_setup import validator_of
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home
from xinglin.node.membership.voting import Acting
from xinglin.node.remote.errors import NodeServed
from xinglin.node.remote.local import serving_process
from xinglin.settings import load_settings


class Calls(Protocol):
    """A client of a chain that other nodes keep; ``RemoteChain`` is one."""

    suite: Suite

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> object:
        """Sign, submit and wait; raises the refusal."""
        ...


def stop_validating(acting: Acting) -> None:
    """End the member's validator: its node keeps the chain and makes no blocks from two heights later on.

    Raises:
        PlatformError: the chain's refusal: it has none, or it is the last of all.
    """
    acting.call([operation(acting.suite, NAMESPACE, "end_validator", EndValidator())])


def begin_validating(folder: Path, keys: KeyStore, others: Calls) -> bytes:
    """Give a home's engine a new validator key and register it, in place of one that there may be; return it.

    An engine key serves once. The engine must not run: the home is not served; others' nodes take the transaction.

    Raises:
        NodeServed: a running node has the home open.
        PlatformError: the refusal; the next try makes another key.
    """
    process = serving_process(folder)
    if process is not None:
        raise NodeServed(home=str(folder), process=process)
    settings = load_settings(folder)
    engine = EngineHome(Home(folder).engine(settings.consortium.id).resolve())
    key = replace_validator_key(engine).validator_key
    offered = validator_of(others.suite, settings.consortium.id, settings.member, engine)
    call = operation(others.suite, NAMESPACE, "set_validator", SetValidator(settings.node, *offered))
    signer = Signer(keys.public(ADMINISTRATOR), lambda message: keys.sign(ADMINISTRATOR, message))
    others.call([call], [signer])
    return key
