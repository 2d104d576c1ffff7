"""How commands of membership act: through the running node of a home, or with homes opened in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xinglin.carrier.crypto.keystore import open_keystore
from xinglin.carrier.ledger.build import Signer
from xinglin.cli.passphrase import read_passphrase
from xinglin.cli.sites import opened_running
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home
from xinglin.node.membership.voting import Acting
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.local import SOCKET_NAME, serving_process
from xinglin.node.remote.served import ServedHome
from xinglin.node.remote.trusting import ChainNamed
from xinglin.settings import load_settings


@contextmanager
def acting_member(home: Path, others: list[Path] | None, passphrase_file: Path | None) -> Iterator[Acting]:
    """Give the member of a home as one that acts.

    Args:
        home: its folder; its node runs, or it is opened here.
        others: as given by ``--with``, for a home that is opened here.
        passphrase_file: as given on the command line; the keys are used here, never by the running node.
    """
    if serving_process(home) is not None:
        yield _through_node(home, passphrase_file)
        return
    with opened_running(home, others, passphrase_file) as node:
        signer, client = node.signer(ADMINISTRATOR), node.client()
        chain = node.consortium.rules.chain
        yield Acting(node.member, chain, node.keys, node.consortium, lambda calls: client.call(calls, [signer]))


def _through_node(home: Path, passphrase_file: Path | None) -> Acting:
    settings = load_settings(home)
    keys = open_keystore(Home(home).keys, read_passphrase(passphrase_file))
    signer = Signer(keys.public(ADMINISTRATOR), lambda message: keys.sign(ADMINISTRATOR, message))
    named = ChainNamed(settings.consortium.id, keys.suite)
    chain = RemoteChain([f"unix:{home.resolve() / SOCKET_NAME}"], named, SystemClock(), random_bytes)
    values = ServedHome(home)
    return Acting(settings.member, named.chain, keys, values, lambda calls: chain.call(calls, [signer]))
