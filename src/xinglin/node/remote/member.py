"""Asks another member's node for what is for members only: checkpoints, cosignatures, values with proofs (S6.3a, W19).

Each request is signed by an account of the asking member. What comes back is checked here as far as it can be without
trusting the node: form, chain, height, proof; whose signatures count is for the caller, who knows the epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.checkpoint import Head, NoteSignature, SignedNote, parse_note, parse_text
from xinglin.carrier.ledger.past import MAX_PAGE_BYTES, TILE_BYTES
from xinglin.carrier.ledger.state.proof import verify_state_proof
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import Invalid
from xinglin.node.chains import Randomness
from xinglin.node.remote.chain import raise_refusal
from xinglin.node.remote.errors import NodeAway, NodeElsewhere
from xinglin.node.remote.forms import PREFIX, Answer, EpochsSaid, HeadSaid, SharedPackageSaid, ValueSaid, read_answer
from xinglin.node.remote.signed import HEADER, NodeRequest, sign_request
from xinglin.node.remote.transport import Address, Ask, ask, parse_address
from xinglin.node.remote.trusting import ChainNamed

MAX_PART_BYTES = 16 << 20
"""Of a part of a recovery package."""
_SECONDS = 20.0
_PACKAGE_SECONDS = 80.0


@dataclass(frozen=True, slots=True)
class ProvenValue:
    """A value as of a head, None for an absent one; the proof holds under the head's state root."""

    head: Head
    value: bytes | None


class MemberNode:
    """One node of another member, asked by an account of this one. From any thread.

    Args:
        address: of the node, as text or parsed; see ``parse_address``.
        named: the chain.
        signer: a key of an account of this member.
        clock: this node's.
        randomness: for nonces.
        node: the id of the node; when it is empty, the node is asked for it.

    Raises (of all methods):
        NodeUnreached, NodeAway: no answer, or none in form.
        NodeElsewhere: the node is of another chain.
        PlatformError: its refusal.
    """

    def __init__(
        self,
        address: str | Address,
        named: ChainNamed,
        signer: Signer,
        clock: Clock,
        randomness: Randomness,
        node: str = "",
    ) -> None:
        self._address = parse_address(address) if isinstance(address, str) else address
        self._named = named
        self._signer = signer
        self._clock = clock
        self._randomness = randomness
        self._node = node

    def head(self, seconds: float = _SECONDS) -> HeadSaid:
        """Return the node's newest block, within so many seconds."""
        said = read_answer(self._answer(Ask("GET", f"{PREFIX}/head", seconds=seconds)), HeadSaid)
        if said is None:
            raise self._unfit("its head")
        if said.chain != self._named.chain:
            raise NodeElsewhere(address=self._address.text, found=said.chain, chain=self._named.chain)
        return said

    def epochs(self) -> list[bytes]:
        """Return the canonical bytes of the member epochs that the node knows."""
        said = read_answer(
            self._answer(Ask("GET", f"{PREFIX}/epochs", seconds=_SECONDS, max_bytes=8 << 20)), EpochsSaid
        )
        if said is None:
            raise self._unfit("its epochs")
        return [bytes.fromhex(epoch) for epoch in said.epochs]

    def checkpoint(self, height: int) -> SignedNote:
        """Return the node's checkpoint of a height; its signatures are not verified."""
        note = self._note(self._signed("GET", f"{PREFIX}/checkpoint/{height}"))
        if note.head.height != height:
            raise self._unfit("its checkpoint")
        return note

    def cosign(self, note: SignedNote) -> NoteSignature:
        """Return the line by which the node's member cosigns a checkpoint; it is not verified.

        Raises:
            CheckpointFork: the node computed another head, and has kept both.
        """
        answered = self._note(self._signed("POST", f"{PREFIX}/cosign", note.encode()))
        if answered.head != note.head or len(answered.signatures) != 1:
            raise self._unfit("its cosignature")
        return answered.signatures[0]

    def value(self, key: bytes, height: int | None = None) -> ProvenValue:
        """Return a value of the state as of a height, or of the newest; the proof was verified, the head was not."""
        query = "" if height is None else f"?height={height}"
        said = read_answer(self._signed("GET", f"{PREFIX}/value/{key.hex()}{query}"), ValueSaid)
        try:
            head = None if said is None else parse_text(said.checkpoint.encode())
        except Invalid:
            head = None
        if said is None or head is None or head.chain != self._named.chain or height not in (None, head.height):
            raise self._unfit("its value")
        value = None if said.value is None else bytes.fromhex(said.value)
        suite = self._named.suite
        if not verify_state_proof(suite.hash, head.state_root, key, value, bytes.fromhex(said.proof)):
            raise self._unfit("its proof")
        return ProvenValue(head, value)

    def page(self, first: int, below: int) -> bytes:
        """Return entries of the log; see ``Source``. Nothing of it is checked here."""
        path = f"{PREFIX}/log/entries/{first}?below={below}"
        return self._signed("GET", path, max_bytes=MAX_PAGE_BYTES).body

    def tile(self, level: int, index: int) -> bytes:
        """Return a tile of the log; see ``Source``. Nothing of it is checked here."""
        return self._signed("GET", f"{PREFIX}/log/tiles/{level}/{index}", max_bytes=TILE_BYTES).body

    def package(self) -> SharedPackageSaid:
        """Return what the newest recovery package is that the node gives; it may have to make it."""
        said = read_answer(self._signed("GET", f"{PREFIX}/package", seconds=_PACKAGE_SECONDS), SharedPackageSaid)
        if said is None:
            raise self._unfit("its package")
        return said

    def package_part(self, height: int, number: int) -> bytes:
        """Return a part of a package; see ``GivesPackages``. Nothing of it is checked here."""
        return self._signed("GET", f"{PREFIX}/package/{height}/{number}", max_bytes=MAX_PART_BYTES).body

    def _signed(
        self, method: str, path: str, body: bytes = b"", max_bytes: int = 2 << 20, seconds: float = _SECONDS
    ) -> Answer:
        if not self._node:
            self._node = self.head().node
        request = NodeRequest(
            chain=self._named.chain,
            node=self._node,
            method=method,
            path=path.encode(),
            body=self._named.suite.hash(body),
            key=self._signer.key,
            time=self._clock.now_ms(),
            nonce=self._randomness(16),
        )
        headers = {HEADER: sign_request(self._named.suite.hash, request, self._signer)}
        return self._answer(Ask(method, path, body, headers, seconds, max_bytes))

    def _answer(self, asked: Ask) -> Answer:
        answer = ask(self._address, asked)
        raise_refusal(self._address, answer)
        return answer

    def _note(self, answer: Answer) -> SignedNote:
        try:
            note = parse_note(answer.body)
        except Invalid:
            raise self._unfit("its note") from None
        if note.head.chain != self._named.chain:
            raise self._unfit("its note")
        return note

    def _unfit(self, what: str) -> NodeAway:
        return NodeAway(address=self._address.text, reason=f"{what} is not in form")
