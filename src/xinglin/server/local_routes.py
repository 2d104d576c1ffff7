"""What a node answers its own user alone, through the local socket: status, registry, calls (spec/node-http.md)."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from xinglin.carrier.ledger.store import MAX_KEY_BYTES
from xinglin.node.office.proofs import checkpoint_said, newest_quorum
from xinglin.node.remote.forms import (
    AppHashSaid,
    BundleSaid,
    CallAsked,
    CheckpointSaid,
    KeysSaid,
    LocalValueSaid,
    PackageSaid,
    PlaceAnswer,
    committed_said,
)
from xinglin.node.running import Running
from xinglin.server.asking import Question
from xinglin.server.errors import ParameterInvalid

MAX_KEYS = 100_000
MAX_COLLECT_SECONDS = 60
_KEY = range(1, MAX_KEY_BYTES + 1)


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    alive: bool = True


class Ready(msgspec.Struct, frozen=True):
    """The node may be asked."""

    ready: bool = True


class LocalRoutes:
    """The routes of the local socket; health, readiness and figures are the metrics listener's too."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def status(self, question: Question) -> msgspec.Raw:
        """Tell what this node is and how it goes."""
        return msgspec.Raw(msgspec.json.encode(self._running.status()))

    def app_hash(self, question: Question) -> AppHashSaid:
        """Return the app hash after a height, by which nodes are compared."""
        height = question.number("height")
        return AppHashSaid(height, self._running.consortium.app_hash_at(height).hex())

    def links(self, question: Question) -> msgspec.Raw:
        """Tell how the links to other members' nodes are."""
        watch = self._running.keepers.links
        return msgspec.Raw(
            msgspec.json.encode({"links": [one.plain() for one in watch.links], "clock": asdict(watch.clock)})
        )

    def value(self, question: Question) -> LocalValueSaid:
        """Return a value of the newest state, compared with the tree."""
        value = self._running.consortium.value(question.octets("key", _KEY))
        return LocalValueSaid(None if value is None else value.hex())

    def keys(self, question: Question) -> KeysSaid:
        """Return the keys under a prefix."""
        found = self._running.consortium.keys(question.octets("prefix", _KEY), MAX_KEYS)
        return KeysSaid([key.hex() for key in found])

    def call(self, question: Question) -> PlaceAnswer:
        """Sign a call with one of the home's keys, submit it and wait.

        Raises:
            ParameterInvalid: the body is no call.
            PlatformError: the refusal.
        """
        try:
            asked = msgspec.json.decode(question.body, type=CallAsked)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ParameterInvalid(parameter="body") from None
        return PlaceAnswer(committed_said(self._running.call(asked), {}))

    def checkpoint(self, question: Question) -> CheckpointSaid:
        """Have the newest height cosigned; answer with the newest checkpoint that has a quorum, else with this one."""
        seconds = question.number("seconds", 0)
        if seconds > MAX_COLLECT_SECONDS:
            raise ParameterInvalid(parameter="seconds")
        node = self._running.node
        note = self._running.keepers.cosigning.collect(seconds)
        return checkpoint_said(node, newest_quorum(node, 0) or note)

    def package(self, question: Question) -> PackageSaid:
        """Write a recovery package into the home.

        Raises:
            PlatformError: see ``Running.package``.
        """
        made = self._running.package()
        return PackageSaid(str(made.path), made.height, made.bytes)

    def proof(self, question: Question) -> BundleSaid:
        """Return a proof bundle, or the trust file of the chain; what shows content is no proof of this kind.

        Raises:
            ParameterInvalid: there is no proof of that kind, or it is not said of what.
            PlatformError: see ``node/office/proofs.py``.
        """
        return BundleSaid(self._running.prove(question.parts["kind"], question.query.get("of", "")).hex())

    def health(self, question: Question) -> Alive:
        """Tell that the process answers."""
        return Alive()

    def ready(self, question: Question) -> Ready:
        """Tell that the node may be asked; raises why it should not be."""
        unready = self._running.unready()
        if unready is not None:
            raise unready
        return Ready()
