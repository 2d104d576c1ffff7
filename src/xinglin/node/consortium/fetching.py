"""Gets a recovery package from another member's running node, for a home that is lost or new (docs/spec/snapshot.md).

The request is signed by the home's service account. What comes is believed no more than a file that somebody brought:
``rebuild`` has it prove itself.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from xinglin.carrier.crypto.keystore import open_keystore
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.errors import Unavailable
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.package import PackageInvalid
from xinglin.node.consortium.room import RESTORED, DiskRoomMissing, require_room
from xinglin.node.founding import SERVICE
from xinglin.node.home import Home
from xinglin.node.remote.errors import NodeServed, NodeUnreached
from xinglin.node.remote.forms import SharedPackageSaid
from xinglin.node.remote.local import serving_process
from xinglin.node.remote.member import MAX_PART_BYTES, MemberNode
from xinglin.node.remote.transport import parse_address
from xinglin.node.remote.trusting import ChainNamed
from xinglin.settings import load_settings

TRIES, PAUSE_SECONDS = 20, 3.0
"""How often a part is asked for, and the time between."""
MIN_PART_BYTES = 1 << 20
"""Of a part, but for the last: smaller ones would be fetched for ever."""
URLS = ("http://", "https://")
T = TypeVar("T")


class GivesPackages(Protocol):
    """Another member's node: ``MemberNode`` is one."""

    def package(self) -> SharedPackageSaid:
        """Return what its newest package is."""
        ...

    def package_part(self, height: int, number: int) -> bytes:
        """Return a part of it."""
        ...


@contextmanager
def package_from(home: Path, place: str | None, passphrase: Callable[[], bytes]) -> Iterator[Path | None]:
    """Give the file of a recovery package until the block ends: the file that is named, or one fetched from a node.

    Args:
        home: the home that is to begin by it; no process serves it.
        place: a file, or the address of a member's node; None for none.
        passphrase: gives the passphrase of the home's key store; asked for only where a request is to be signed.

    Raises:
        NodeServed: a process has the home open.
        PassphraseWrong: the key store does not open.
        PackageInvalid: what came is not what the node said.
        PlatformError: see ``MemberNode``.
    """
    if place is None or not place.startswith(URLS):
        yield None if place is None else Path(place)
        return
    process = serving_process(home)
    if process is not None:
        raise NodeServed(home=str(home), process=process)
    keys = open_keystore(Home(home).keys, passphrase())
    signer = Signer(keys.public(SERVICE), lambda message: keys.sign(SERVICE, message))
    settings = load_settings(home)
    named = ChainNamed(settings.consortium.id, keys.suite)
    address = parse_address(place, settings.listener.ca_file)
    with tempfile.TemporaryDirectory(prefix="package-", dir=home) as folder:
        out = Path(folder) / "package.tar"
        fetch_package(MemberNode(address, named, signer, SystemClock(), random_bytes), place, out)
        yield out


def fetch_package(
    node: GivesPackages, place: str, out: Path, sleep: Callable[[float], None] = time.sleep
) -> SharedPackageSaid:
    """Write a node's newest package into a new file, a part at a time.

    Args:
        node: whom to ask.
        place: its address, for messages.
        out: the file.
        sleep: waits, in seconds.

    Raises:
        DiskRoomMissing: the disk has no room for it and for the store that is made of it; or the node's has none.
        PackageInvalid: what came is not what was said.
        PlatformError: the node's refusal, or that it does not answer, after several tries.
    """

    def invalid(reason: str) -> PackageInvalid:
        return PackageInvalid(file=place, reason=reason)

    said = _tried(node.package, sleep)
    if not min(said.bytes, MIN_PART_BYTES) <= said.part_bytes <= MAX_PART_BYTES or said.part_bytes < 1:
        raise invalid("its parts have no size that is taken")
    require_room(out.parent, (1 + RESTORED) * said.bytes)
    digest, left, number = hashlib.sha256(), said.bytes, 0
    out.touch(mode=0o600, exist_ok=False)
    with out.open("wb") as file:
        while left > 0:
            wanted = number
            part = _tried(lambda: node.package_part(said.height, wanted), sleep)  # noqa: B023  (called at once)
            if len(part) != min(left, said.part_bytes):
                raise invalid(f"part {number} has another size than was said")
            file.write(part)
            digest.update(part)
            left, number = left - len(part), number + 1
    if digest.hexdigest() != said.sha256:
        raise invalid("what came is not what was said")
    return said


def _tried(ask: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """Ask until there is an answer; a node that makes a package, or is busy, is asked again."""
    for _ in range(TRIES - 1):
        try:
            return ask()
        except (NodeUnreached, DiskRoomMissing):
            raise
        except Unavailable:
            sleep(PAUSE_SECONDS)
    return ask()
