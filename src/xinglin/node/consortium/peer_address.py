"""Says on the chain where a node's engine is reached, when its address has changed; through the running node."""

from __future__ import annotations

from pathlib import Path

from xinglin.carrier.access.registry.model import NAMESPACE, SetPeer
from xinglin.carrier.consensus.comet.config import check_address
from xinglin.carrier.consensus.comet.files import EngineHome, identity
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home
from xinglin.node.remote.served import ServedHome
from xinglin.settings import load_settings


def say_address(home: Path, address: str) -> bytes:
    """Register an address for the engine of a home, in place of the one before, and wait for its block.

    Args:
        home: a home that is served.
        address: ``HOST:PORT`` under which the others reach its engine.

    Returns: the engine's peer id, 20 bytes.

    Raises:
        EngineSettingInvalid: it is no address.
        EngineFileDamaged, EngineSigningStateLost: the home has no whole engine.
        NodeAway: no node serves the home.
        PlatformError: the chain's refusal.
    """
    check_address("address", address)
    settings = load_settings(home)
    peer = identity(EngineHome(Home(home).engine(settings.consortium.id))).peer
    ServedHome(home).call(NAMESPACE, "set_peer", SetPeer(settings.node, peer, address), ADMINISTRATOR)
    return peer
