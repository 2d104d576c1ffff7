"""The running node of a home as this user's commands reach it: through the local socket of the home (S6.3b).

Who may open the socket is the user that runs the node, whose word is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from xinglin.kernel.encoding import ChainObject, encode
from xinglin.node.remote.chain import raise_refusal
from xinglin.node.remote.errors import NodeAway
from xinglin.node.remote.forms import (
    MAX_ANSWER_BYTES,
    PREFIX,
    Answer,
    AppHashSaid,
    BundleSaid,
    CallAsked,
    CheckpointSaid,
    CommittedSaid,
    HeadSaid,
    KeysSaid,
    LocalValueSaid,
    PackageSaid,
    PlaceAnswer,
    read_answer,
)
from xinglin.node.remote.local import SOCKET_NAME
from xinglin.node.remote.transport import Address, Ask, ask

_SECONDS = 90.0


class ServedHome:
    """A home through the node that serves it; its consortium chain as ``RegistryValues``.

    Args:
        home: its folder.

    Raises (of all methods):
        NodeAway, NodeUnreached: the node was stopped meanwhile.
        PlatformError: its refusal.
    """

    def __init__(self, home: Path) -> None:
        path = home.resolve() / SOCKET_NAME
        self._address = Address(f"unix:{path}", path=str(path))

    @property
    def tip(self) -> HeadSaid:
        """The newest block of the consortium chain."""
        said: HeadSaid = self._read("GET", f"{PREFIX}/head", HeadSaid)
        return said

    def value(self, key: bytes) -> bytes | None:
        """Return a value of the newest state; None when it is absent."""
        said = self._read("GET", f"/values/{key.hex()}", LocalValueSaid)
        return None if said.value is None else bytes.fromhex(said.value)

    def keys(self, prefix: bytes) -> list[bytes]:
        """Return the keys under a prefix, ascending."""
        said = self._read("GET", "/keys?" + urlencode({"prefix": prefix.hex()}), KeysSaid)
        return [bytes.fromhex(key) for key in said.keys]

    def app_hash(self, height: int) -> bytes:
        """Return the app hash that the consortium chain had after a height; refused where the node has none of it."""
        said: AppHashSaid = self._read("GET", f"/app_hash/{height}", AppHashSaid)
        return bytes.fromhex(said.app_hash)

    def status(self) -> Mapping[str, Any]:
        """Return what the node tells of itself."""
        return self._said("/status")

    def links(self) -> Mapping[str, Any]:
        """Return how the node's links to other members' nodes are."""
        return self._said("/links")

    def checkpoint(self, seconds: int) -> CheckpointSaid:
        """Have the newest height cosigned, for so many seconds; return the newest checkpoint with a quorum, or that."""
        said: CheckpointSaid = self._read("POST", f"/checkpoint?seconds={seconds}", CheckpointSaid)
        return said

    def prove(self, kind: str, of: str = "") -> bytes:
        """Return a proof bundle or the trust file; see ``Running.prove``."""
        said: BundleSaid = self._read("GET", f"/proof/{kind}?" + urlencode({"of": of}), BundleSaid)
        return bytes.fromhex(said.bundle)

    def package(self) -> PackageSaid:
        """Have the node write a recovery package into its home; see ``Running.package``."""
        said: PackageSaid = self._read("POST", "/package", PackageSaid)
        return said

    def call(self, contract: str, method: str, arguments: ChainObject, key: str, chain: str = "consortium") -> None:
        """Have the node sign a call with one of the home's keys, and wait until it is committed.

        Args:
            contract: which contract.
            method: which method of it.
            arguments: the method's struct.
            key: ``administrator`` or ``service``.
            chain: ``consortium`` or ``private``.
        """
        asked = CallAsked(contract, method, encode(arguments).hex(), key, chain)
        said = self._read("POST", "/call", PlaceAnswer, msgspec.json.encode(asked))
        if not isinstance(said.place, CommittedSaid):
            raise NodeAway(address=self._address.text, reason="its answer is not in form")

    def _said(self, path: str) -> Mapping[str, Any]:
        answer = self._ask("GET", path)
        try:
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise NodeAway(address=self._address.text, reason="its answer is not in form") from None

    def _read(self, method: str, path: str, kind: type[Any], body: bytes = b"") -> Any:
        said = read_answer(self._ask(method, path, body), kind)
        if said is None:
            raise NodeAway(address=self._address.text, reason="its answer is not in form")
        return said

    def _ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        headers = {"content-type": "application/json"} if body else None
        answer = ask(self._address, Ask(method, path, body, headers, _SECONDS, MAX_ANSWER_BYTES))
        raise_refusal(self._address, answer)
        return answer
