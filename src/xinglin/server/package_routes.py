"""Recovery packages over the listener for members: what the newest is, and its parts (docs/spec/node-http.md)."""

from __future__ import annotations

from xinglin.node.consortium.sharing import PART_BYTES, PackageShelf, PackageUnavailable
from xinglin.node.remote.forms import SharedPackageSaid
from xinglin.node.running import Running
from xinglin.server.asking import Octets, Question


class PackageRoutes:
    """The routes of packages of one running node."""

    def __init__(self, running: Running) -> None:
        self._running = running
        folder = running.node.home.chain(running.consortium.rules.chain) / "shared"
        self._shelf = PackageShelf(running.package, folder)

    def newest(self, question: Question) -> SharedPackageSaid:
        """Tell the newest package, which is made if there is none of late."""
        if self._running.comet is None:
            raise PackageUnavailable(reason="the blocks of this chain are not made by CometBFT")
        one = self._shelf.newest()
        return SharedPackageSaid(one.height, one.bytes, PART_BYTES, one.sha256)

    def part(self, question: Question) -> Octets:
        """Return a part of a package."""
        return Octets(self._shelf.part(question.number("height"), question.number("part")))
