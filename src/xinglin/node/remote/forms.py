"""The forms in which clients and running nodes speak of a chain (docs/spec/node-http.md; S6.2f).

Answers are JSON objects; hashes, keys and proofs in them are hexadecimal. A client ignores members that it does not
know. Submissions are transactions one after the other, each after its length. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from xinglin.carrier.consensus.ports import Committed
from xinglin.kernel.encoding import MAX_INTEGER
from xinglin.kernel.errors import Fact, PlatformError, error_for_number
from xinglin.node.client import TransactionRefused
from xinglin.node.remote.errors import SubmissionMalformed

PREFIX = "/ledger/v1"
MAX_TRANSACTIONS = 2_000
"""In one submission: as many as a block of the embedded engine has."""
MAX_SUBMISSION_BYTES = 16 << 20
"""Of one submission: a block with the default limits."""
MAX_NOTE_REQUEST_BYTES = 1 << 20
"""Of a checkpoint that is to be cosigned."""
MAX_CALL_BYTES = 4 << 20
"""Of a call through the local socket."""
MAX_ANSWER_BYTES = 32 << 20
"""Of any answer that a client reads."""
MAX_GENESIS_BYTES = 4 << 20
"""Of an answer with the genesis: 8,000 founders."""
MAX_EPOCHS_BYTES = 16 << 20
"""Of an answer with the epochs: 200 of 200 members with their votes."""
MAX_CONSISTENCY_BYTES = 64 << 10
"""Of an answer with a consistency proof."""
MAX_LEAF_HEX = 8 << 10
"""Digits of a leaf, which has a few hashes and numbers."""
MAX_RECEIPT_HEX = 2 << 20
"""Digits of a receipt: no more than the default limit of a transaction."""
MAX_PATH = 130
"""Hashes of a consistency proof, at most: two for each level of the largest log."""
MAX_PROOFS = 200
"""Of how many transactions proofs are asked for at once."""
LOG_PER_MINUTE = 600
"""Pages and tiles of the log that a node gives one other member a minute, on average."""
_LENGTH_BYTES, _DONE, _REFUSED = 4, 200, 400
_FAULT = "server.fault"
_END_BYTES, _BODY_BYTES = 8, 32
PROOF_REQUEST_BYTES = _END_BYTES + _BODY_BYTES
"""What is said of each transaction of which a proof is asked for: its end, its body id."""
T = TypeVar("T", bound=msgspec.Struct)

Natural = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
_PAIRS = r"\A(?:[0-9a-f]{2})*+\Z"  # possessive: otherwise a state is kept for each pair
Hex = Annotated[str, msgspec.Meta(pattern=_PAIRS)]
Hex32 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answered: HTTP status, body, and after how many seconds it wants to be asked again (0 if unsaid)."""

    status: int
    body: bytes
    retry_after: float = 0.0


class BytesFact(msgspec.Struct, frozen=True):
    """A fact of a refusal that is bytes."""

    hex: Hex


Facts = dict[str, int | str | BytesFact]


class HeadSaid(msgspec.Struct, frozen=True):
    """The newest block of a node: times in ms; ``now`` is the node's clock."""

    chain: str
    node: str
    member: str
    height: Natural
    time: Natural
    app_hash: Hex32
    state_root: Hex32
    log_size: Natural
    log_root: Hex32
    now: Natural


class CommittedSaid(msgspec.Struct, frozen=True, tag="committed", tag_field="status"):
    """Where a transaction went: ``code`` is its receipt's number, 0 when it was done; ``facts`` are the receipt's."""

    height: Natural
    time: Natural
    index: Natural
    code: Natural
    receipt: Hex32
    facts: Facts = {}


class RefusedSaid(msgspec.Struct, frozen=True, tag="refused", tag_field="status"):
    """A refusal without a receipt: the transaction is in no block by this submission."""

    code: str
    number: Natural
    facts: Facts = {}


class UnknownSaid(msgspec.Struct, frozen=True, tag="unknown", tag_field="status"):
    """It is not durable here yet; it may still be committed."""


class AbsentSaid(msgspec.Struct, frozen=True, tag="absent", tag_field="status"):
    """The node's log has no such body id as of a height and block time (ms)."""

    height: Natural
    time: Natural


class ProvenSaid(msgspec.Struct, frozen=True, tag="proven", tag_field="status"):
    """A transaction in the log: canonical bytes of leaf and receipt, and the path from the leaf to the log root."""

    leaf: Annotated[str, msgspec.Meta(pattern=_PAIRS, max_length=MAX_LEAF_HEX)]
    receipt: Annotated[str, msgspec.Meta(pattern=_PAIRS, max_length=MAX_RECEIPT_HEX)]
    path: list[Hex32]


class NotKeptSaid(msgspec.Struct, frozen=True, tag="not_kept", tag_field="status"):
    """A transaction is logged, and the node does not keep its entry."""


OutcomeSaid = CommittedSaid | RefusedSaid | UnknownSaid
PlaceSaid = CommittedSaid | AbsentSaid
ProofSaid = ProvenSaid | AbsentSaid | NotKeptSaid


class OutcomesSaid(msgspec.Struct, frozen=True):
    """What became of each transaction of a submission, in order."""

    outcomes: list[OutcomeSaid]


class PlaceAnswer(msgspec.Struct, frozen=True):
    """Where a body id went, or that it is not in the log."""

    place: PlaceSaid


class ProofsSaid(msgspec.Struct, frozen=True):
    """Proofs, in the order asked for, under one checkpoint: its text, and signature lines where there are any."""

    checkpoint: str
    proofs: list[ProofSaid]


class GenesisSaid(msgspec.Struct, frozen=True):
    """The canonical bytes of the chain's genesis."""

    genesis: Hex


class ValueSaid(msgspec.Struct, frozen=True):
    """A value of the state as of a height: the checkpoint's text, the value or null, its state proof."""

    checkpoint: str
    value: Hex | None
    proof: Hex


class AppHashSaid(msgspec.Struct, frozen=True):
    """The app hash that the consortium chain had after a height."""

    height: Natural
    app_hash: Hex32


class LocalValueSaid(msgspec.Struct, frozen=True):
    """A value of the newest state, compared with the tree; null when it is absent."""

    value: Hex | None


class EpochsSaid(msgspec.Struct, frozen=True):
    """The member epochs from 0 up, each the canonical bytes of an ``EpochState``."""

    epochs: list[Hex]


class ConsistencySaid(msgspec.Struct, frozen=True):
    """The proof that the log of one size continues the log of a smaller one (RFC 9162, 2.1.4)."""

    proof: Annotated[list[Hex32], msgspec.Meta(max_length=MAX_PATH)]


class KeysSaid(msgspec.Struct, frozen=True):
    """State keys under a prefix, ascending."""

    keys: list[Hex]


class CheckpointSaid(msgspec.Struct, frozen=True):
    """A checkpoint as a node keeps it: the note's text, how many members of its epoch cosigned, how many must."""

    height: Natural
    note: str
    signatures: Natural
    quorum: Natural


class BundleSaid(msgspec.Struct, frozen=True):
    """A proof bundle, or a trust file."""

    bundle: Hex


class PackageSaid(msgspec.Struct, frozen=True):
    """A recovery package that a node wrote into its home: its path, the height, bytes."""

    path: str
    height: Natural
    bytes: Natural


class SharedPackageSaid(msgspec.Struct, frozen=True):
    """A recovery package that a node gives to members: height, bytes, bytes of each part but the last, SHA-256."""

    height: Natural
    bytes: Natural
    part_bytes: Natural
    sha256: Hex32


class CallAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that a home's own key signs: ``arguments`` are the canonical bytes of the method's struct."""

    contract: Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_.-]{0,63}\Z")]
    method: Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_.-]{0,63}\Z")]
    arguments: Hex
    key: Annotated[str, msgspec.Meta(pattern=r"\A(administrator|service)\Z")]
    chain: Annotated[str, msgspec.Meta(pattern=r"\A(consortium|private)\Z")] = "consortium"


class Problem(msgspec.Struct, frozen=True):
    """A refusal as problem+json (RFC 9457) tells it."""

    code: str
    number: Natural
    facts: Facts = {}


def frame(raws: Sequence[bytes]) -> bytes:
    """Return transactions as the body of a submission."""
    return b"".join(len(raw).to_bytes(_LENGTH_BYTES, "big") + raw for raw in raws)


def unframe(body: bytes) -> list[bytes]:
    """Return the transactions of a submission, at least one.

    Raises:
        SubmissionMalformed: it is cut, empty, has an empty transaction, or more than 2,000.
    """
    raws: list[bytes] = []
    at = 0
    while at < len(body):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(body[at:begin], "big")
        if at > len(body) or at == begin:
            raise SubmissionMalformed(reason="a transaction is cut or empty")
        if len(raws) == MAX_TRANSACTIONS:
            raise SubmissionMalformed(reason="it has too many transactions")
        raws.append(body[begin:at])
    if not raws:
        raise SubmissionMalformed(reason="it is empty")
    return raws


def frame_asked(asked: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the body by which proofs are asked for: of each transaction its end and its body id."""
    return b"".join(valid_until.to_bytes(_END_BYTES, "big") + body for valid_until, body in asked)


def unframe_asked(body: bytes) -> list[tuple[int, bytes]]:
    """Return of which transactions proofs are asked for, at least one.

    Raises:
        SubmissionMalformed: they are cut, none, more than 200, or an end is none.
    """
    count, rest = divmod(len(body), PROOF_REQUEST_BYTES)
    if rest or not 0 < count <= MAX_PROOFS:
        raise SubmissionMalformed(reason="it does not ask for 1 to 200 proofs in form")
    cut = [body[at : at + PROOF_REQUEST_BYTES] for at in range(0, len(body), PROOF_REQUEST_BYTES)]
    asked = [(int.from_bytes(one[:_END_BYTES], "big"), one[_END_BYTES:]) for one in cut]
    if max(valid_until for valid_until, _ in asked) > MAX_INTEGER:
        raise SubmissionMalformed(reason="an end is no time")
    return asked


def facts_said(facts: Mapping[str, Fact]) -> Facts:
    """Return the facts of a refusal or receipt for JSON."""
    return {name: BytesFact(value.hex()) if isinstance(value, bytes) else value for name, value in facts.items()}


def facts_read(facts: Facts) -> dict[str, Fact]:
    """Return facts as refusals have them."""
    return {name: bytes.fromhex(one.hex) if isinstance(one, BytesFact) else one for name, one in facts.items()}


def refusal_said(refusal: PlatformError) -> RefusedSaid:
    """Return a refusal for JSON."""
    return RefusedSaid(refusal.code, refusal.number, facts_said(refusal.facts))


def error_of(number: int, facts: Facts) -> PlatformError:
    """Return the refusal of a number with its facts; of a number that this version lacks, TransactionRefused."""
    kind = error_for_number(number)
    return TransactionRefused(refusal=number) if kind is None else kind(**facts_read(facts))


def read_answer(answer: Answer, kind: type[T]) -> T | None:
    """Return what an answer of status 200 says, None where it has another status or is not in form."""
    if answer.status != _DONE:
        return None
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def turned_away(answer: Answer) -> PlatformError | None:
    """Return the problem with which a node answers a submission of which it handed nothing in; None for any other.

    What a node can refuse is refused before it hands in (NH28); ``server.fault`` alone can come after.
    """
    try:
        problem = msgspec.json.decode(answer.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = error_for_number(problem.number)
    if answer.status < _REFUSED or known is None or known.code != problem.code or problem.code == _FAULT:
        return None
    try:
        return error_of(problem.number, problem.facts)
    except (TypeError, ValueError):
        return None


def committed_said(committed: Committed, facts: Mapping[str, Fact]) -> CommittedSaid:
    """Return where a transaction went, for JSON."""
    return CommittedSaid(
        height=committed.height,
        time=committed.time,
        index=committed.index,
        code=committed.code,
        receipt=committed.receipt_hash.hex(),
        facts=facts_said(facts),
    )
